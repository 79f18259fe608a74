//! A bar on stderr where a person watches, and nothing where none does.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of so many steps; it is gone when it is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn new(what: &'static str, steps: u64) -> Self {
        let bar = ProgressBar::new(steps).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg:10} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub fn at(&self, step: u64) {
        self.0.set_position(step);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
