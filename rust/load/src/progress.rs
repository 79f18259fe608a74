//! A progress bar on stderr, shown only if stderr is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar, which disappears when dropped.
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
