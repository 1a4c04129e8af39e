//! A disk that can be filled: a small file system in memory where this machine allows to mount one,
//! else PostgreSQL's own error for it.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::chaos::servers::Servers;
use crate::harness::database::{Database, DatabaseServer};

/// Room for a database and a quick load.
const SIZE: &str = "size=256m,mode=700";
const BLOCK: usize = 65_536;

/// The same error by the same code, without a disk.
const REFUSE: &str = "
    CREATE FUNCTION public.disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END $$;
    CREATE TRIGGER disk_full BEFORE INSERT ON notification_schema.notification_deduplication
        FOR EACH ROW EXECUTE FUNCTION public.disk_full();
    CREATE TRIGGER disk_full BEFORE INSERT ON notification_schema.notifications
        FOR EACH ROW EXECUTE FUNCTION public.disk_full()";
const REFUSE_NO_MORE: &str = "DROP FUNCTION public.disk_full CASCADE";

/// Where the database of a round is kept.
pub(super) struct Disk {
    mounted: Option<PathBuf>,
    tablespace: String,
    server: DatabaseServer,
}

impl Disk {
    /// Mounts one, if this machine allows it.
    pub(super) async fn make(servers: &Servers, name: &str) -> Result<Self> {
        let folder = servers.folder().join(format!("disk-{name}"));
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut disk = Self {
            mounted: mount(&folder).then_some(folder),
            tablespace: format!("disk_{name}"),
            server: servers.database()?,
        };
        if let Some(folder) = &disk.mounted {
            let data = servers.folder().join("postgresql").metadata()?;
            chown(folder, Some(data.uid()), Some(data.gid()))?;
            // PostgreSQL wants a folder of its own in which it may make others.
            let (tablespace, place) = (&disk.tablespace, folder.display());
            let create = format!("CREATE TABLESPACE {tablespace} LOCATION '{place}'");
            if let Err(error) = disk.server.ask(&create).await {
                disk.unmount();
                return Err(error.context("a tablespace on a small disk"));
            }
        }
        Ok(disk)
    }

    pub(super) fn tablespace(&self) -> Option<&str> {
        self.mounted.as_ref().map(|_| self.tablespace.as_str())
    }

    /// How the fault is made, for the table.
    pub(super) fn how(&self) -> &'static str {
        match self.mounted {
            Some(_) => "the database lay on a small file system of its own, which was filled up",
            None => {
                "no file system may be mounted here: triggers raised PostgreSQL's error 53100 instead"
            }
        }
    }

    pub(super) async fn fill(&self, database: &Database) -> Result<()> {
        let Some(folder) = &self.mounted else {
            return database.ask(REFUSE).await.map(drop);
        };
        let mut filler = std::fs::File::create(filler(folder))?;
        let block = vec![b'x'; BLOCK];
        // Down to the last byte: a row needs little room.
        for size in [BLOCK, 1] {
            while let Some(part) = block.get(..size) {
                if std::io::Write::write_all(&mut filler, part).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn empty(&self, database: &Database) -> Result<()> {
        match &self.mounted {
            Some(folder) => Ok(std::fs::remove_file(filler(folder))?),
            None => database.ask(REFUSE_NO_MORE).await.map(drop),
        }
    }

    /// Takes it away; the database must be gone.
    pub(super) async fn remove(mut self) -> Result<()> {
        if self.mounted.is_some() {
            let drop = format!("DROP TABLESPACE {}", self.tablespace);
            self.server.ask(&drop).await?;
            ensure!(self.unmount(), "the small disk cannot be unmounted");
        }
        Ok(())
    }

    fn unmount(&mut self) -> bool {
        // Lazily: whoever still looks at it keeps looking, and nothing of it stays behind.
        self.mounted.take().is_none_or(|folder| {
            let mut umount = Command::new("umount");
            quiet(umount.arg("-l").arg(folder))
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unmount();
    }
}

fn filler(folder: &Path) -> PathBuf {
    folder.join("filler")
}

fn mount(folder: &Path) -> bool {
    let mut mount = Command::new("mount");
    quiet(mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(folder))
}

fn quiet(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
