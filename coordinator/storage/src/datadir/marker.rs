//! The marker file: which cluster and node a disk belongs to. A node without it has no past.

use std::{fmt::Write as _, fs, io, path::Path};

use super::write_durably;
use crate::Error;

/// The layout version this program writes and reads.
pub const FORMAT: u32 = 1;
pub(super) const FILE: &str = "NODE";
pub(super) const NEW_FILE: &str = "NODE.new";

/// Identity of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The cluster, 16 random bytes chosen at its first start.
    pub cluster_uuid: [u8; 16],
    /// The node; never reused.
    pub node_id: u64,
    /// Counts the times this node began with an empty disk.
    pub storage_epoch: u64,
}

impl Marker {
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, Error> {
        let bytes = match fs::read(directory.join(FILE)) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::from_io(directory, &e)),
        };
        let wrong = |found: String| Error::Format {
            path: directory.to_path_buf(),
            found,
            expected: FORMAT,
        };
        let text = String::from_utf8(bytes)
            .map_err(|_| wrong("an unreadable marker file NODE".to_owned()))?;
        let format = field(&text, "format")
            .ok_or_else(|| wrong("a marker file NODE without a format".to_owned()))?;
        if format != FORMAT.to_string() {
            return Err(wrong(format!("format {format}")));
        }
        Self::parse(&text)
            .map(Some)
            .ok_or_else(|| wrong("a damaged marker file NODE".to_owned()))
    }

    pub(super) fn write(&self, directory: &Path) -> Result<(), Error> {
        write_durably(
            &directory.join(FILE),
            &directory.join(NEW_FILE),
            self.render().as_bytes(),
        )
    }

    fn render(&self) -> String {
        let mut text = format!("format = {FORMAT}\ncluster = ");
        for byte in self.cluster_uuid {
            let _ = write!(text, "{byte:02x}");
        }
        let _ = write!(
            text,
            "\nnode = {}\nstorage_epoch = {}\n",
            self.node_id, self.storage_epoch
        );
        let crc = crc32c::crc32c(text.as_bytes());
        let _ = writeln!(text, "crc32c = {crc:08x}");
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let hex = field(text, "cluster")?;
        let mut cluster_uuid = [0; 16];
        for (i, byte) in cluster_uuid.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        let marker = Self {
            cluster_uuid,
            node_id: field(text, "node")?.parse().ok()?,
            storage_epoch: field(text, "storage_epoch")?.parse().ok()?,
        };
        // Rendering covers the checksum and every other byte.
        (marker.render() == text).then_some(marker)
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))
}
