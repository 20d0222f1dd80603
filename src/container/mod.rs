//! The container record and its life.
//!
//! [`Engine`] is what `cli` talks to. One file per turn of a container's life; each adds its functions to [`Engine`] or
//! [`Container`].

pub mod record;

use crate::settings::Settings;
use crate::store::Store;
use crate::userns::IdMap;

/// The containers of one store.
#[derive(Debug)]
pub struct Engine {
    /// Where things are.
    pub settings: Settings,
    /// Images and container directories.
    pub store: Store,
    /// The user's id map.
    pub id_map: IdMap,
}
