//! `history`: how an image came to be, one line per instruction.

use super::{Error, Image};
use crate::content::Digest;
use crate::store::Store;

/// One instruction of an image, and what it added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    /// The image ID, for the newest line; Docker knows no other (`<missing>`).
    pub id: Option<Digest>,
    /// RFC 3339; `None` where the config does not say, or says nonsense.
    pub created: Option<String>,
    /// The instruction or command.
    pub created_by: String,
    /// Bytes of the layer's files; 0 for an instruction that made none.
    pub size: u64,
    /// Free text.
    pub comment: String,
}

impl Image {
    /// Returns the image's history, newest first. Lines beyond the last layer have no size: a config may say what it likes.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn history(&self, store: &Store) -> Result<Vec<HistoryLine>, Error> {
        let mut layers = self.layers().iter().zip(&self.manifest.layers);
        let mut lines = Vec::with_capacity(self.config.history.len());
        for entry in &self.config.history {
            let layer = match entry.empty_layer {
                Some(true) => None,
                _ => layers.next(),
            };
            let size = match layer {
                Some((diff_id, blob)) => store.layer_size(diff_id)?.unwrap_or(blob.size),
                None => 0,
            };
            let created = entry.created.clone();
            lines.push(HistoryLine {
                id: None,
                created: created.filter(|text| text.parse::<jiff::Timestamp>().is_ok()),
                created_by: entry.created_by.clone().unwrap_or_default(),
                size,
                comment: entry.comment.clone().unwrap_or_default(),
            });
        }
        lines.reverse();
        if let Some(newest) = lines.first_mut() {
            newest.id = Some(self.id.clone());
        }
        Ok(lines)
    }
}
