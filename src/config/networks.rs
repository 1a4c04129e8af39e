//! Settings that are lists of networks.

use super::reader::Reader;
use crate::domain::Network;

/// The networks of a setting, in CIDR notation.
pub(super) fn read(reader: &mut Reader<'_>, key: &str) -> Vec<Network> {
    let mut networks = vec![];
    for word in reader.words(key) {
        match word.parse() {
            Ok(network) => networks.push(network),
            Err(_) => {
                let allowed = "networks in CIDR notation, for example [\"127.0.0.0/8\", \"::1\"]";
                let () = reader.refuse(key, format!("\"{word}\" is no network"), allowed);
            }
        }
    }
    networks
}
