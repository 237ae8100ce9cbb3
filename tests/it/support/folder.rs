//! Folders of the tests' own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::server::{must, root};

/// A folder of the test's own, removed when it is dropped. Its path is short, for sockets in it.
pub struct Folder(pub PathBuf);

impl Folder {
    /// Makes one that no other test has; world-accessible, for servers that give up root.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let own = format!("healthcheck-{}-{number}-{name}", std::process::id());
        let path = std::env::temp_dir().join(own);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        open_up(&path);
        Self(path)
    }

    /// One that belongs to `user`, as some servers want it, and to nobody else.
    pub fn of(user: &str) -> Self {
        let folder = Self::new(user);
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).expect("permissions");
        if root() {
            must(Command::new("chown").arg(user).arg(&folder.0));
        }
        folder
    }

    /// A path inside, as text.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    /// A file with this in it; its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).expect("a file");
        self.path(name)
    }

    /// A folder in it to which everybody may write; its path.
    pub fn folder(&self, name: &str) -> String {
        fs::create_dir(self.0.join(name)).expect("a folder");
        open_up(&self.0.join(name));
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everybody may do everything with it.
pub fn open_up(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("permissions");
}
