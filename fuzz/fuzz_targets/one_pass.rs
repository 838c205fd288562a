//! A document, or each item of a page, that was read in one pass says what it says read carefully.
#![no_main]

use atlas_backup::fuzzing::assert_same;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    assert_same(data);
});
