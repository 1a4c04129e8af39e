//! Migrations are compiled into the engine, with their texts, of which it keeps fingerprints.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
    // Asked at run time: a copied target folder holds a script that was compiled elsewhere.
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo says where the package is")?;
    let root = Path::new(&package).join("migrations");
    let mut folders: Vec<PathBuf> = fs::read_dir(root)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    folders.retain(|folder| folder.join("up.sql").is_file());
    folders.sort();
    let mut list = String::from("&[\n");
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let (up, down) = (folder.join("up.sql"), folder.join("down.sql"));
        writeln!(
            list,
            "Migration {{ name: {name:?}, up: include_str!({up:?}), down: include_str!({down:?}) }},"
        )?;
    }
    list.push_str("]\n");
    let out = std::env::var_os("OUT_DIR").ok_or("cargo says where to write")?;
    // A copied target folder may share the file with the one that it was copied from.
    let (whole, new) = (
        Path::new(&out).join("migrations.rs"),
        Path::new(&out).join("migrations.new"),
    );
    fs::write(&new, list)?;
    fs::rename(new, whole)?;
    Ok(())
}
