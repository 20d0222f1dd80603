//! The caller's own rights, in a process that has entered a user namespace.
//!
//! There the process has power over every file whose owner is mapped, the caller's own first of all: a directory that she
//! has made read-only stops nobody who holds `CAP_DAC_OVERRIDE`. What is done in her name to her files, outside the store, is
//! done with the capabilities that she came with: none, as a rule. See `user_namespaces(7)`, `capabilities(7)`.

use std::sync::OnceLock;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// What the process could do before it entered a namespace; unset where it has not.
static OWN: OnceLock<CapabilitySet> = OnceLock::new();

/// Remembers what the process, which is about to enter a user namespace, can do without it.
pub fn remember_own() {
    // A process without them has no more rights than her ids give it.
    let effective = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    let _ = OWN.set(effective);
}

/// Does `work` with the caller's own rights. Only the calling thread's are changed, and those of threads that it starts
/// meanwhile.
pub fn as_caller<T>(work: impl FnOnce() -> T) -> T {
    let _held_back = OWN.get().and_then(|own| HeldBack::hold(*own));
    work()
}

/// Capabilities that the thread gets back in the end.
struct HeldBack(CapabilitySets);

impl HeldBack {
    fn hold(own: CapabilitySet) -> Option<HeldBack> {
        let sets = capabilities(None).ok()?;
        let less = CapabilitySets {
            effective: sets.effective & own,
            ..sets
        };
        set_capabilities(None, less).ok()?;
        Some(HeldBack(sets))
    }
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        // What is permitted can be made effective at any time.
        let _ = set_capabilities(None, self.0);
    }
}
