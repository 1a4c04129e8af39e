//! Migrations are compiled into the engine, with their texts, of which it keeps fingerprints.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=src/tickets/migrations");
    // Asked at run time: a copied target folder holds a script that was compiled elsewhere.
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo says where the package is")?;
    let package = Path::new(&package);
    let mut list = String::from("&[\n");
    add(&mut list, &package.join("migrations"), "")?;
    // The support desk's are its own, and come after those that make its schema and its role.
    add(
        &mut list,
        &package.join("src/tickets/migrations"),
        "tickets/",
    )?;
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

/// Adds the migrations of a folder, in the order of their names.
fn add(list: &mut String, root: &Path, prefix: &str) -> Result<(), Box<dyn Error>> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    folders.retain(|folder| folder.join("up.sql").is_file());
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{prefix}{name}");
        let (up, down) = (folder.join("up.sql"), folder.join("down.sql"));
        let (before, former) = (
            included_if_there(&folder.join("before.sql")),
            included_if_there(&folder.join("former")),
        );
        writeln!(
            list,
            "Migration {{ name: {name:?}, before: {before}, up: include_str!({up:?}), down: include_str!({down:?}), \
             former: {former} }},"
        )?;
    }
    Ok(())
}

/// A file's text; nothing where there is none.
fn included_if_there(file: &Path) -> String {
    if file.is_file() {
        format!("include_str!({file:?})")
    } else {
        "\"\"".to_owned()
    }
}
