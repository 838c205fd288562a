//! What several fuzz targets assert of whatever the library hands out through its C functions.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use atlas_backup::fuzzing::c::*;
use serde_json::value::RawValue;

/// The members of a JSON object as serde_json reads them into a map: the last of a name wins.
pub type Members<'a> = BTreeMap<String, &'a RawValue>;

/// A raw JSON integer of 64 bits.
pub fn integer(raw: &str) -> Option<i64> {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| raw.parse().ok())
        .flatten()
}

/// Text that came out of the library.
///
/// # Safety
/// `text` is NULL or NUL-terminated.
pub unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as demanded above.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_str().expect("text is UTF-8"))
}

/// Runs a call that fills an `atlas_error` and checks that it did so: every byte, and as it says in the header.
/// `failed` tells from the result whether the call did.
pub fn call<T>(
    run: impl FnOnce(*mut atlas_error) -> T,
    failed: impl FnOnce(&T) -> bool,
) -> (T, atlas_error) {
    let mut error = MaybeUninit::<atlas_error>::uninit();
    // SAFETY: bytes of its own; what the call does not overwrite will be seen.
    unsafe { error.as_mut_ptr().write_bytes(0xa5, 1) };
    let result = run(error.as_mut_ptr());
    // SAFETY: any bytes are a valid atlas_error.
    let error = unsafe { error.assume_init() };
    check_error(&error, failed(&result));
    (result, error)
}

pub fn check_error(error: &atlas_error, failed: bool) {
    assert_eq!(error.kind != 0, failed, "result and kind agree");
    let texts = [&error.code[..], &error.reason, &error.detail, &error.parameters, &error.message]
        .map(field);
    let message = texts[4];
    assert_ne!(error.kind, 15, "a defect: {message}");
    assert!((0..15).contains(&error.kind), "{}", error.kind);
    // SAFETY: static text.
    let name = unsafe { text(atlas_error_kind_name(error.kind)) };
    assert_ne!(name, Some("unknown"));
    assert!(error.reserved.iter().all(|byte| *byte == 0));
    if !failed {
        assert_eq!((error.http_status, error.retry_after, error.flags), (0, -1, 0));
        assert!(texts.iter().all(|text| text.is_empty()));
        return;
    }
    assert!(!message.is_empty());
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!((0..=65535).contains(&error.http_status));
    assert!(error.retry_after >= -1);
    let is_retryable = matches!(error.kind, 7..=10);
    assert_eq!(error.flags & ATLAS_ERROR_FLAG_RETRYABLE != 0, is_retryable);
    assert_eq!(error.flags & !3, 0);
    if error.flags & ATLAS_ERROR_FLAG_TRUNCATED != 0 {
        // Cut at a character, of at most four bytes.
        assert!(
            texts.iter().zip([96, 64, 768, 256, 768]).any(|(text, size)| text.len() + 4 >= size)
        );
    }
}

/// Text in a struct: valid, and nothing behind its NUL.
fn field(bytes: &[c_char]) -> &str {
    // SAFETY: the same bytes.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), bytes.len()) };
    let text = CStr::from_bytes_until_nul(bytes).expect("a NUL ends it");
    assert!(bytes[text.count_bytes()..].iter().all(|byte| *byte == 0));
    text.to_str().expect("text is UTF-8")
}

type Accessor = unsafe extern "C" fn(*const atlas_snapshot) -> *const c_char;
type Counter = unsafe extern "C" fn(*const atlas_snapshot) -> usize;
type Element = unsafe extern "C" fn(*const atlas_snapshot, usize) -> *const c_char;

type InStruct = fn(&atlas_snapshot_fields) -> *const c_char;

/// The text fields by their JSON names.
pub const TEXTS: &[(&str, Accessor, InStruct)] = &[
    ("id", atlas_snapshot_id, |fields| fields.id),
    ("cloudProvider", atlas_snapshot_cloud_provider, |fields| fields.cloud_provider),
    ("configServerType", atlas_snapshot_config_server_type, |fields| fields.config_server_type),
    ("createdAt", atlas_snapshot_created_at, |fields| fields.created_at),
    ("description", atlas_snapshot_description, |fields| fields.description),
    ("expiresAt", atlas_snapshot_expires_at, |fields| fields.expires_at),
    ("frequencyType", atlas_snapshot_frequency_type, |fields| fields.frequency_type),
    ("masterKeyUUID", atlas_snapshot_master_key_uuid, |fields| fields.master_key_uuid),
    ("mongodVersion", atlas_snapshot_mongod_version, |fields| fields.mongod_version),
    ("replicaSetName", atlas_snapshot_replica_set_name, |fields| fields.replica_set_name),
    ("snapshotType", atlas_snapshot_snapshot_type, |fields| fields.snapshot_type),
    ("status", atlas_snapshot_status, |fields| fields.status),
    ("type", atlas_snapshot_type, |fields| fields.r#type),
];

type Array = (&'static str, Counter, &'static [(&'static str, Element)]);

/// The arrays by their JSON names: a counter, and for each text of an element its name ("" if the element is the text).
pub const ARRAYS: [Array; 5] = [
    ("copyRegions", atlas_snapshot_copy_region_count, &[("", atlas_snapshot_copy_region)]),
    ("policyItems", atlas_snapshot_policy_item_count, &[("", atlas_snapshot_policy_item)]),
    (
        "links",
        atlas_snapshot_link_count,
        &[("href", atlas_snapshot_link_href), ("rel", atlas_snapshot_link_rel)],
    ),
    (
        "members",
        atlas_snapshot_member_count,
        &[
            ("id", atlas_snapshot_member_id),
            ("cloudProvider", atlas_snapshot_member_cloud_provider),
            ("replicaSetName", atlas_snapshot_member_replica_set_name),
        ],
    ),
    ("snapshotIds", atlas_snapshot_snapshot_id_count, &[("", atlas_snapshot_snapshot_id)]),
];

/// A document as a C caller reads it; `None` if it is refused.
pub fn parse(json: &[u8]) -> Option<Owned> {
    // SAFETY: the bytes are there.
    let (snapshot, _) = call(
        |error| unsafe { atlas_snapshot_parse(json.as_ptr().cast(), json.len(), error) },
        |snapshot| snapshot.is_null(),
    );
    (!snapshot.is_null()).then(|| Owned(snapshot))
}

/// A snapshot that is freed when dropped.
pub struct Owned(pub *mut atlas_snapshot);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody uses it any more.
        unsafe { atlas_snapshot_free(self.0) };
    }
}

/// Reads everything there is of a snapshot, and checks what holds of any.
///
/// # Safety
/// `snapshot` is alive.
pub unsafe fn check_snapshot(snapshot: *const atlas_snapshot) {
    // SAFETY: alive, as demanded above, and so what the accessors hand out.
    unsafe {
        let fields = read_fields(snapshot);
        for &(_, accessor, in_struct) in TEXTS {
            let pointer = accessor(snapshot);
            text(pointer);
            assert_eq!(pointer, accessor(snapshot), "always at the same address");
            assert_eq!(pointer, in_struct(&fields));
            assert!(accessor(null()).is_null());
        }
        // In the struct an element is as many pointers as it has texts.
        let arrays = [
            (fields.copy_region_count, fields.copy_regions),
            (fields.policy_item_count, fields.policy_items),
            (fields.link_count, fields.links.cast()),
            (fields.member_count, fields.members.cast()),
            (fields.snapshot_id_count, fields.snapshot_ids),
        ];
        for ((_, count, parts), (in_struct, pointers)) in ARRAYS.iter().zip(arrays) {
            let count = count(snapshot);
            assert_eq!((in_struct, pointers.is_null()), (count, count == 0));
            for (part, (name, element)) in parts.iter().enumerate() {
                for i in 0..count {
                    let pointer = element(snapshot, i);
                    assert!(text(pointer).is_some() || !name.is_empty());
                    assert_eq!(pointer, element(snapshot, i));
                    assert_eq!(pointer, *pointers.add(i * parts.len() + part));
                }
                assert!(element(snapshot, count).is_null());
                assert!(element(snapshot, usize::MAX).is_null());
                assert!(element(null(), 0).is_null());
            }
        }

        let mut codes = Vec::new();
        for (code, accessor, names) in [
            (
                atlas_snapshot_status_code as unsafe extern "C" fn(_) -> _,
                atlas_snapshot_status as Accessor,
                &["queued", "inProgress", "completed", "failed"][..],
            ),
            (
                atlas_snapshot_cloud_provider_code,
                atlas_snapshot_cloud_provider,
                &["AWS", "AZURE", "GCP"],
            ),
            (
                atlas_snapshot_frequency_type_code,
                atlas_snapshot_frequency_type,
                &["hourly", "daily", "weekly", "monthly", "yearly", "ondemand"],
            ),
            (
                atlas_snapshot_snapshot_type_code,
                atlas_snapshot_snapshot_type,
                &["onDemand", "scheduled", "fallback"],
            ),
            (atlas_snapshot_type_code, atlas_snapshot_type, &["replicaSet", "shardedCluster"]),
        ] {
            let expected = text(accessor(snapshot))
                .and_then(|text| names.iter().position(|name| name.eq_ignore_ascii_case(text)))
                .map_or(0, |position| position as i32 + 1);
            assert_eq!(code(snapshot), expected);
            codes.push(expected);
        }
        let in_struct = [
            fields.status_code,
            fields.cloud_provider_code,
            fields.frequency_type_code,
            fields.snapshot_type_code,
            fields.type_code,
        ];
        assert_eq!(codes, in_struct);
        for (ms, accessor, in_struct) in [
            (
                atlas_snapshot_created_at_ms as unsafe extern "C" fn(_) -> _,
                atlas_snapshot_created_at as Accessor,
                fields.created_at_ms,
            ),
            (atlas_snapshot_expires_at_ms, atlas_snapshot_expires_at, fields.expires_at_ms),
        ] {
            let date = text(accessor(snapshot));
            assert_eq!(ms(snapshot), in_struct);
            match ms(snapshot) {
                ATLAS_ABSENT => {}
                // Years 0 to 9999, and an offset of less than a day.
                ms => assert!(
                    date.is_some() && (-62_167_305_600_000..=253_402_387_200_000).contains(&ms)
                ),
            }
        }
        assert_eq!(atlas_snapshot_storage_size_bytes(snapshot), fields.storage_size_bytes);
        assert_eq!(atlas_snapshot_http_status(snapshot), fields.http_status);

        let mut length = usize::MAX;
        let json = text(atlas_snapshot_json(snapshot, &mut length)).expect("there is a body");
        assert_eq!(json.len(), length, "no NUL is in the body");
        assert_eq!(atlas_snapshot_json(snapshot, null_mut()), json.as_ptr().cast());

        let mut names = Vec::new();
        for i in 0..atlas_snapshot_field_count(snapshot) {
            let name = atlas_snapshot_field_name(snapshot, i);
            names.push(text(name).expect("each field has a name"));
            let value = text(atlas_snapshot_field(snapshot, name)).expect("each field has a value");
            serde_json::from_str::<&RawValue>(value).expect("a field is JSON");
            assert!(json.contains(value));
        }
        let fields = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), fields, "each field is there once");
        assert!(atlas_snapshot_field_name(snapshot, fields).is_null());
        assert!(
            atlas_snapshot_field(snapshot, c"no such field".as_ptr()).is_null()
                || json.contains("no such field")
        );
        assert!(atlas_snapshot_field(snapshot, c"\xff".as_ptr()).is_null());
        assert!(atlas_snapshot_field(snapshot, null()).is_null());

        let headers = atlas_snapshot_header_count(snapshot);
        for i in 0..headers {
            let name = atlas_snapshot_header_name(snapshot, i);
            assert!(
                text(name).is_some() && text(atlas_snapshot_header_value(snapshot, i)).is_some()
            );
            assert!(text(atlas_snapshot_header(snapshot, name)).is_some());
        }
        assert!(atlas_snapshot_header_name(snapshot, headers).is_null());
        assert!(atlas_snapshot_header_value(snapshot, headers).is_null());
        let status = atlas_snapshot_http_status(snapshot);
        assert!((0..1000).contains(&status) && (status != 0 || headers == 0));

        let copy = Owned(atlas_snapshot_copy(snapshot));
        assert!(!copy.0.is_null());
        assert_eq!(text(atlas_snapshot_json(copy.0, null_mut())), Some(json));
        assert_eq!(text(atlas_snapshot_id(copy.0)), text(atlas_snapshot_id(snapshot)));
        assert_eq!(atlas_snapshot_field_count(copy.0), fields);
        assert_eq!(atlas_snapshot_header_count(copy.0), headers);
    }
}

/// All fields, of which each is written.
///
/// # Safety
/// `snapshot` is NULL or alive.
pub unsafe fn read_fields(snapshot: *const atlas_snapshot) -> atlas_snapshot_fields {
    let mut fields = MaybeUninit::<atlas_snapshot_fields>::uninit();
    let size = size_of::<atlas_snapshot_fields>();
    // SAFETY: room for the struct; any bytes are a valid one, and those that are not overwritten would be seen.
    unsafe {
        fields.as_mut_ptr().write_bytes(0xa5, 1);
        let known = atlas_snapshot_read_fields(snapshot, fields.as_mut_ptr(), size);
        assert_eq!(known, if snapshot.is_null() { 0 } else { size });
        fields.assume_init()
    }
}

/// Checks a snapshot's fields against serde_json's reading of the same object.
///
/// # Safety
/// `snapshot` is alive.
pub unsafe fn check_fields(snapshot: *const atlas_snapshot, object: &str) {
    // A name with a lone surrogate is one that serde_json does not read.
    let Ok(members) = serde_json::from_str::<Members>(object) else {
        return;
    };
    let member = |name: &str| members.get(name).map_or("null", |raw| raw.get());
    // SAFETY: alive, as demanded above.
    unsafe {
        for &(name, accessor, _) in TEXTS {
            check_text(text(accessor(snapshot)), member(name));
        }
        for (name, counter, parts) in ARRAYS {
            let count = counter(snapshot);
            let expected = elements(member(name), parts[0].0.is_empty());
            assert_eq!(count, expected.len(), "{name}");
            for (i, element) in expected.iter().enumerate() {
                let object: Option<Members> = serde_json::from_str(element.get()).ok();
                for (part, accessor) in parts.iter() {
                    let shown = text(accessor(snapshot, i));
                    match (&object, *part) {
                        (_, "") => check_text(shown, element.get()),
                        (Some(object), part) => {
                            check_text(shown, object.get(part).map_or("null", |raw| raw.get()))
                        }
                        (None, _) => {}
                    }
                }
            }
        }
        let size = integer(member("storageSizeBytes")).unwrap_or(ATLAS_ABSENT);
        assert_eq!(atlas_snapshot_storage_size_bytes(snapshot), size);

        // Names are shown with U+FFFD for NUL, which may make two the same.
        if members.keys().all(|name| !name.contains(['\0', '\u{fffd}'])) {
            assert_eq!(atlas_snapshot_field_count(snapshot), members.len());
            for (name, value) in &members {
                let name = CString::new(name.as_str()).expect("without NUL");
                assert_eq!(text(atlas_snapshot_field(snapshot, name.as_ptr())), Some(value.get()));
            }
        }
    }
}

/// The elements of an array if all are of the right type, else none.
fn elements(raw: &str, texts: bool) -> Vec<&RawValue> {
    let elements: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
    let start = if texts { '"' } else { '{' };
    match elements.iter().all(|element| element.get().starts_with(start)) {
        true => elements,
        false => Vec::new(),
    }
}

fn check_text(shown: Option<&str>, raw: &str) {
    if !raw.starts_with('"') {
        assert_eq!(shown, None, "{raw}");
        return;
    }
    let shown = shown.expect("text is there");
    match serde_json::from_str::<String>(raw) {
        Ok(text) => assert_eq!(shown, text.replace('\0', "\u{fffd}")),
        // A lone surrogate, which serde_json does not read.
        Err(_) => assert!(shown.contains('\u{fffd}'), "{raw}"),
    }
}
