//! Allocation that can fail, for everything whose size an answer decides: an answer too large for the memory at hand is
//! an error, and not the end of the process.

use std::collections::TryReserveError;

/// An empty vector with room for `capacity` items.
pub(crate) fn vec<T>(capacity: usize) -> Result<Vec<T>, TryReserveError> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(capacity)?;
    Ok(vec)
}

/// An empty string with room for `capacity` bytes.
pub(crate) fn string(capacity: usize) -> Result<String, TryReserveError> {
    let mut string = String::new();
    string.try_reserve_exact(capacity)?;
    Ok(string)
}

/// Appends an item.
pub(crate) fn push<T>(vec: &mut Vec<T>, item: T) -> Result<(), TryReserveError> {
    vec.try_reserve(1)?;
    vec.push(item);
    Ok(())
}

/// A copy of `items`.
pub(crate) fn copy<T: Copy>(items: &[T]) -> Result<Vec<T>, TryReserveError> {
    let mut copy = vec(items.len())?;
    copy.extend_from_slice(items);
    Ok(copy)
}
