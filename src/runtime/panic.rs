//! What a panic of this library says goes into the error of the call that failed, not to the host's standard error.
//!
//! std prints each panic through one hook for the whole program, before anybody can catch it. A shared library has a std
//! of its own, and so a hook of its own. But a Rust program may link this crate into itself and then shares the hook
//! with it, so ours silences only panics in a section that this library runs and hands every other one to the hook that
//! was there before.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{self, Location, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

// Neither has a destructor: calls are made in destructors of the host's own thread-local variables too, and a variable
// that has been destroyed by then would itself be a reason to panic. What a thread leaves in PLACE is leaked.
thread_local! {
    /// Whether this thread is inside this library, and not in a callback of the host.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic inside was.
    static PLACE: Cell<Option<ManuallyDrop<String>>> = const { Cell::new(None) };
}

/// Runs a section of this library: no panic in it is printed.
pub(crate) fn silenced<T>(body: impl FnOnce() -> T) -> T {
    marked(true, body)
}

/// Runs a callback of the host inside such a section: panics in it are the host's.
pub(crate) fn in_callback<T>(body: impl FnOnce() -> T) -> T {
    marked(false, body)
}

fn marked<T>(inside: bool, body: impl FnOnce() -> T) -> T {
    /// Restores what was before also when `body` panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            INSIDE.set(self.0);
        }
    }
    let _restore = Restore(INSIDE.replace(inside));
    body()
}

/// Where the panic was that has just been caught, "file:line"; once.
pub(crate) fn take_place() -> Option<String> {
    PLACE.take().map(ManuallyDrop::into_inner)
}

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Puts our hook before the one that is there. Costs a load when that was done.
pub(crate) fn install_hook() {
    if !INSTALLED.load(Ordering::Relaxed) {
        install();
    }
}

#[cold]
#[inline(never)]
fn install() {
    // To a fuzzer each panic is a finding, which its own hook reports. std allows no change during a panic, which may
    // be the host's.
    if cfg!(fuzzing) || thread::panicking() {
        return;
    }
    // No lock: a child that was forked meanwhile would find it held. std has one around its hook, which such a child
    // needs for nothing but a panic.
    if INSTALLED.swap(true, Ordering::Relaxed) {
        return;
    }
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if INSIDE.get() {
            PLACE.set(place(info).map(ManuallyDrop::new));
        } else if !info.location().is_some_and(is_ours) {
            before(info);
        }
    }));
}

fn place(info: &PanicHookInfo) -> Option<String> {
    let location = info.location()?;
    Some(format!("{}:{}", location.file(), location.line()))
}

/// Whether a panic was raised by the sources of this crate. Accessors take a few nanoseconds, of which marking the
/// thread would be a large part, and are known by this instead: they hardly run any code but ours.
fn is_ours(location: &Location) -> bool {
    const THIS: &str = file!();
    const SOURCES: &str = THIS.split_at(THIS.len() - "runtime/panic.rs".len()).0;
    // Assertions of the tests in these sources have to be heard.
    #[cfg(test)]
    if !tests::ACCESSORS_ARE_SILENT.load(Ordering::Relaxed) {
        return false;
    }
    location.file().starts_with(SOURCES)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Set where no assertion follows.
    pub(crate) static ACCESSORS_ARE_SILENT: AtomicBool = AtomicBool::new(false);
}
