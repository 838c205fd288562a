//! What a snapshot says, for Rust.

use chrono::{DateTime, NaiveDate};

use super::Snapshot;
use super::arena::CText;
use super::fields::{ArrayField, Link, Member};
use super::table::Table;

impl Snapshot {
    /// Size of the snapshot in bytes; 0 until it is done. Absent when missing, not an integer, or out of range of `i64`
    /// (whose least value counts as absent, too). Atlas' `storageSizeBytes`.
    pub fn storage_size_bytes(&self) -> Option<i64> {
        Some(self.fields.storage_size_bytes).filter(|size| *size != i64::MIN)
    }

    /// [`created_at`](Self::created_at) as Unix time in milliseconds, rounded down; absent when it cannot be read.
    pub fn created_at_ms(&self) -> Option<i64> {
        unix_ms(self.created_at()?)
    }

    /// [`expires_at`](Self::expires_at) as Unix time in milliseconds, rounded down; absent when it cannot be read.
    pub fn expires_at_ms(&self) -> Option<i64> {
        unix_ms(self.expires_at()?)
    }

    /// The regions that Atlas copies the snapshot to, `US_EAST_1`. Atlas' `copyRegions`.
    pub fn copy_regions(&self) -> impl ExactSizeIterator<Item = &str> {
        self.texts(ArrayField::CopyRegions)
    }

    /// The ids of the backup policy's items that took the snapshot. Atlas' `policyItems`.
    pub fn policy_items(&self) -> impl ExactSizeIterator<Item = &str> {
        self.texts(ArrayField::PolicyItems)
    }

    /// The ids of the snapshots of a sharded cluster's members. Atlas' `snapshotIds`.
    pub fn snapshot_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.texts(ArrayField::SnapshotIds)
    }

    /// Web links to this snapshot and to what it belongs to. Atlas' `links`.
    pub fn links(&self) -> impl ExactSizeIterator<Item = Link<&str>> {
        self.elements(ArrayField::Links).map(|[href, rel]| Link { href, rel })
    }

    /// The parts of a sharded cluster's snapshot, one for each shard and config server; none for a replica set. Atlas'
    /// `members`.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<&str>> {
        self.elements(ArrayField::Members).map(|[id, cloud_provider, replica_set_name]| Member {
            id,
            cloud_provider,
            replica_set_name,
        })
    }

    /// The whole body byte for byte, envelope included; of an item of a list its bytes in the page.
    pub fn json(&self) -> &str {
        let json = self.json.start as usize..self.json.end as usize;
        self.body.json.get(json).unwrap_or_default()
    }

    /// The names of all members of the snapshot, documented or not, in the order they came in. A name that came twice
    /// is there once, at its first place; [`field`](Self::field) has its last value.
    pub fn field_names(&self) -> impl ExactSizeIterator<Item = &str> {
        let fields = self.field_table().map(|fields| &fields.all);
        entries(fields).map(|(name, _)| name)
    }

    /// A member of the snapshot, documented or not, as the JSON text received: `"\"queued\""`, `"null"`. `None` when it
    /// is missing.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.field_table()?.find(name).map(CText::as_str)
    }

    /// The names of the documented fields that are absent because they have another type than documented.
    pub fn odd_fields(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.fields.odd()
    }

    /// Status of the HTTP answer; `None` if the snapshot was parsed from text or is an item of a list.
    pub fn http_status(&self) -> Option<u16> {
        self.body.response.as_ref().map(|response| response.status)
    }

    /// A header of the HTTP answer by its name in any case, `RateLimit-Remaining`; of several the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_table()?.header(name).map(CText::as_str)
    }

    /// All headers of the HTTP answer, name and value; names are in lower case. None if the snapshot was parsed from
    /// text or is an item of a list.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        entries(self.header_table())
    }

    fn texts(&self, array: ArrayField) -> impl ExactSizeIterator<Item = &str> {
        self.elements(array).map(|[text]| text.unwrap_or_default())
    }

    fn elements<const N: usize>(
        &self,
        array: ArrayField,
    ) -> impl ExactSizeIterator<Item = [Option<&str>; N]> {
        let text = |place| self.body.text(place).map(CText::as_str);
        self.array(array).iter().map(move |places| places.map(text))
    }
}

/// Names and values of a table, if there is one.
fn entries(table: Option<&Table>) -> impl ExactSizeIterator<Item = (&str, &str)> {
    (0..table.map_or(0, Table::len)).map(move |i| {
        let entry = table.and_then(|table| Some((table.name(i)?, table.value(i)?)));
        entry.map_or(("", ""), |(name, value)| (name.as_str(), value.as_str()))
    })
}

/// Any form of RFC 3339: with offsets, fractions, a blank for `T`, before 1970. Second 60 is the second after 59, as in
/// POSIX time.
fn unix_ms(date: &str) -> Option<i64> {
    usual_unix_ms(date.as_bytes())
        .or_else(|| Some(DateTime::parse_from_rfc3339(date).ok()?.timestamp_millis()))
}

/// The form that Atlas sends, `2026-08-10T03:27:08Z`, in a sixth of the time.
fn usual_unix_ms(date: &[u8]) -> Option<i64> {
    let &[y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', ref time @ ..] = date else {
        return None;
    };
    let &[h1, h2, b':', m1, m2, b':', s1, s2, b'Z'] = time else {
        return None;
    };
    let number = |digits: &[u8]| {
        let digit = |number: u32, digit: &u8| Some(number * 10 + char::from(*digit).to_digit(10)?);
        digits.iter().try_fold(0, digit)
    };
    let day = NaiveDate::from_ymd_opt(
        number(&[y1, y2, y3, y4])?.cast_signed(),
        number(&[o1, o2])?,
        number(&[d1, d2])?,
    )?;
    let second = day.and_hms_opt(number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?)?;
    Some(second.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_form_of_a_date_means_what_rfc_3339_says() {
        let good = "2024-02-29T23:59:59Z";
        assert_eq!(usual_unix_ms(good.as_bytes()), Some(1_709_251_199_000));
        let mut dates = vec![];
        // Each place with each other character, two at a time where they depend on each other.
        for (first, second) in [
            (0, 1),
            (1, 2),
            (2, 3),
            (5, 6),
            (8, 9),
            (11, 12),
            (14, 15),
            (17, 18),
            (3, 6),
            (4, 7),
            (10, 13),
            (16, 19),
        ] {
            for a in ' '..='~' {
                for b in ' '..='~' {
                    let mut date: Vec<char> = good.chars().collect();
                    (date[first], date[second]) = (a, b);
                    dates.push(date.into_iter().collect());
                }
            }
        }
        for year in 1895..2105 {
            for month in 0..=13 {
                for day in [0, 1, 28, 29, 30, 31, 32] {
                    dates.push(format!("{year}-{month:02}-{day:02}T00:00:00Z"));
                }
            }
        }
        let mut read = 0;
        for date in &dates {
            if let Some(usual) = usual_unix_ms(date.as_bytes()) {
                let any = DateTime::parse_from_rfc3339(date).map(|date| date.timestamp_millis());
                assert_eq!(any.ok(), Some(usual), "{date}");
                read += 1;
            }
        }
        assert!((5_000..dates.len()).contains(&read), "{read} of {}", dates.len());
    }
}
