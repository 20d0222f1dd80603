//! What a stage reads: its own layers so far, the results of other stages, images, build contexts.

use std::collections::btree_map::Entry;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde_json::json;

use super::{Worker, gone};
use crate::build::error::{Error, failed};
use crate::build::ignore::Ignore;
use crate::build::layer::Layer;
use crate::build::message::{self, Report, StageResult};
use crate::build::provenance::Material;
use crate::build::request::{Context, NamedContext};
use crate::build::steps;
use crate::build::tree::Source;
use crate::container::Engine;
use crate::image::Image;
use crate::image::archive::LayoutImage;
use crate::rootfs::{self, Stack};
use crate::store::{self, ScratchDir};

/// Looks for an image that prunes take away.
const MAX_LOOKS: usize = 3;

impl Worker<'_> {
    /// Returns the result of another stage, waiting for it where it is not built yet.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the coordinator has gone.
    pub(in crate::build) fn other_stage(&mut self, number: usize) -> Result<&StageResult, Error> {
        if !self.others.contains_key(&number) {
            message::send(&self.channel, &Report::Need(number)).map_err(gone())?;
            let result = message::receive(&self.channel).map_err(gone())?;
            // Nobody wants the result any more, as of a program whose terminal is gone.
            let result: StageResult = result.ok_or(Error::Interrupted(libc::SIGHUP))?;
            self.others.insert(number, result);
        }
        Ok(&self.others[&number])
    }

    /// Returns the layers of an image, lowest first.
    pub(in crate::build) fn layers_of(&self, image: &Image) -> Vec<Layer> {
        let store = &self.engine.store;
        (image.manifest.layers.iter().zip(image.layers()))
            .map(|(descriptor, diff_id)| {
                Layer::of_image(descriptor, diff_id, store.layer_dir(diff_id))
            })
            .collect()
    }

    /// Finds an image, pulling it where it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::Image`].
    pub(in crate::build) fn find_image(&mut self, name: &str) -> Result<Image, Error> {
        let mut looks = 0;
        loop {
            let image = match steps::base::find(self, name) {
                Err(Error::Image { image, source, .. }) => {
                    let stages = self.request.stages.near(name, self.stage.number);
                    return Err(Error::Image {
                        near: stages.map(str::to_owned),
                        image,
                        source,
                    });
                }
                found => found?,
            };
            for digest in image.layers().iter().chain([&image.id, &image.target]) {
                self.lease(digest)?;
            }
            // Only what is seen after it was named stays: see `store`.
            let store = &self.engine.store;
            let lost = image.layers().iter().find(|layer| !store.has_layer(layer));
            looks += 1;
            match lost {
                None => {
                    self.note_image(name, &image, false);
                    return Ok(image);
                }
                Some(_) if looks < MAX_LOOKS => {}
                Some(layer) => return Err(store::Error::Missing(layer.clone()).into()),
            }
        }
    }

    /// Takes an image of a layout, which the build knows as `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Image`].
    pub(super) fn take_image(&mut self, name: &str, layout: &LayoutImage) -> Result<Image, Error> {
        let image = steps::base::take(self, layout)?;
        self.note_image(name, &image, true);
        Ok(image)
    }

    fn note_image(&mut self, name: &str, image: &Image, is_layout: bool) {
        let layers = image.manifest.layers.iter().map(|layer| {
            json!({
                "mediaType": layer.media_type,
                "digest": layer.digest,
                "size": layer.size,
            })
        });
        let material = Material::image(name, image, is_layout);
        self.witness.material(material, layers.collect());
    }

    /// Returns whether `--from` names a build context, whose files have no owners.
    pub(in crate::build) fn is_of_host(&self, from: Option<&str>) -> bool {
        from.is_none_or(|from| {
            let named = self.request.contexts.get(from);
            from == "context" || matches!(named, Some(NamedContext::Files(_)))
        })
    }

    /// Opens what `--from` names, or the build's own context, as a source of files.
    ///
    /// # Errors
    ///
    /// [`Error::Image`], [`Error::Io`], [`Error::Invalid`].
    pub(in crate::build) fn source(&mut self, from: Option<&str>) -> Result<Source, Error> {
        let context = match from {
            None | Some("context") => Some(&self.request.context),
            Some(name) => match self.request.contexts.get(name) {
                Some(NamedContext::Files(context)) => Some(context),
                _ => None,
            },
        };
        if let Some(context) = context {
            match &context.fetched {
                Some(material) => self.witness.material(material.clone(), Vec::new()),
                None => self.witness.local(from.unwrap_or("context")),
            }
            return open_context(context);
        }
        let name = from.unwrap_or_default();
        let layers = if let Some(NamedContext::Image(image)) = self.request.contexts.get(name) {
            let image = self.find_image(&image.clone())?;
            self.layers_of(&image)
        } else if let Some(NamedContext::Layout(layout)) = self.request.contexts.get(name) {
            let image = self.take_image(name, layout)?;
            self.layers_of(&image)
        } else if let Some(number) = (self.request.stages)
            .source(name, self.stage.number)
            .map_err(|problem| Error::Invalid(problem.to_string()))?
        {
            let stage = self.other_stage(number)?.clone();
            self.witness.stage(number, &stage.witness);
            stage.layers
        } else if name == "scratch" {
            self.witness.nothing();
            Vec::new()
        } else {
            let image = self.find_image(name)?;
            self.layers_of(&image)
        };
        let root = self.view(&layers)?;
        Ok(Source::new(root, Ignore::default()))
    }

    /// Opens the layers of another stage or of an image as one directory.
    fn view(&mut self, layers: &[Layer]) -> Result<OwnedFd, Error> {
        let key = layers.iter().map(|layer| layer.diff_id.clone()).collect();
        let count = self.views.len();
        let stack = match self.views.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let name = format!("view-{count}");
                entry.insert(new_stack(self.engine, &self.scratch, &name)?)
            }
        };
        Ok(stack.open(&dirs_of(layers))?)
    }

    /// Returns the layers so far as one directory; `None` where there are none.
    pub(in crate::build) fn lower(&mut self) -> Result<Option<OwnedFd>, Error> {
        if self.layers.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.stack.open(&dirs_of(&self.layers))?))
    }

    /// Returns the directories of the layers so far, lowest first.
    pub(in crate::build) fn layer_dirs(&self) -> Vec<PathBuf> {
        dirs_of(&self.layers)
    }
}

/// Returns a stack for the layers of one stage or image, which works in the stage's own directory.
pub(super) fn new_stack(
    engine: &Engine,
    scratch: &ScratchDir,
    name: &str,
) -> Result<Box<dyn Stack>, Error> {
    let dir = scratch.path().join(name);
    std::fs::create_dir(&dir).map_err(failed("create", &dir))?;
    Ok(rootfs::select(&engine.store, &engine.settings)?.stack(dir))
}

/// Returns the layers' directories.
fn dirs_of(layers: &[Layer]) -> Vec<PathBuf> {
    layers.iter().map(|layer| layer.dir.clone()).collect()
}

fn open_context(context: &Context) -> Result<Source, Error> {
    let Some(dir) = &context.dir else {
        return Err(Error::Invalid(
            "the build has no context: it came from standard input".to_owned(),
        ));
    };
    Source::directory(dir, context.ignore.clone())
}
