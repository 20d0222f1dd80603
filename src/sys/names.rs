//! Name look-ups of a statically linked glibc.

/// Keeps glibc from loading the host's name service modules, which were made for the host's glibc and may crash in a
/// static one. Hosts are then found in `/etc/hosts` and by DNS, users and groups in `/etc/passwd` and `/etc/group`. Does
/// nothing in a dynamically linked program, where the modules fit.
///
/// To be called before the first look-up, by a process with one thread.
pub fn use_files_and_dns() {
    #[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn __nss_configure_lookup(
                database: *const libc::c_char,
                services: *const libc::c_char,
            ) -> libc::c_int;
        }
        for (database, services) in [
            (c"hosts", c"files dns"),
            (c"passwd", c"files"),
            (c"group", c"files"),
        ] {
            // SAFETY: both are C strings that live forever; no other thread looks anything up meanwhile, as said above.
            // A failure leaves the host's configuration in place.
            let _ = unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        }
    }
}
