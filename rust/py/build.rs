//! Compile ext/_link.pyx into this crate's shared object: Cython to C, C to a static library.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let ext = root.join("ext");
    let source = ext.join("_link.pyx");
    println!("cargo:rerun-if-changed={}", ext.display());
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");

    let config = pyo3_build_config::get();
    let python = env::var("PYO3_PYTHON")
        .ok()
        .or_else(|| config.executable().map(ToOwned::to_owned))
        .unwrap_or_else(|| "python3".to_owned());
    let generated = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("_link.c");
    let cython = Command::new(&python)
        .args(["-m", "cython", "-3", "-Werror", "--module-name", "fortepiano._link", "-o"])
        .arg(&generated)
        .arg(&source)
        .status();
    match cython {
        Ok(status) if status.success() => {}
        Ok(_) => panic!(
            "Cython could not compile {}: see above; if it says 'No module named cython', run `{python} -m pip install cython`",
            source.display()
        ),
        Err(error) => panic!("{python} could not be started to run Cython: {error}"),
    }

    let include = Command::new(&python)
        .args(["-c", "import sysconfig; print(sysconfig.get_path('include'))"])
        .output()
        .expect("the interpreter that just ran Cython");
    cc::Build::new()
        .file(&generated)
        .include(String::from_utf8_lossy(&include.stdout).trim())
        .include(&ext)
        // The module's entry point is forwarded from Rust: the shared object does not export the
        // symbols of a static library by itself.
        .define("PyInit__link", "fortepiano_init_link")
        .define("CYTHON_EXTERN_C", "extern")
        .flag_if_supported("-fno-strict-aliasing")
        .flag_if_supported("-Wno-unused-function")
        .flag_if_supported("-Wno-unreachable-code")
        .opt_level(3)
        .compile("fortepiano_link");
}
