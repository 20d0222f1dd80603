//! Debian's `docker-registry` (distribution, the reference implementation) on a port of its own.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::command::PATIENCE;
use super::image::{Content, TestImage};
use super::needs::find_program;

/// A running registry; dropped, it is killed and what it kept is gone.
pub(crate) struct Distribution {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Distribution {
    /// Starts one on a free port of the loopback; it is empty.
    pub(crate) fn start() -> Distribution {
        let directory = tempfile::tempdir().expect("a directory for the registry");
        let config = directory.path().join("config.yml");
        let content = directory.path().join("content");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:0\"}}\n",
            content.display()
        );
        fs::write(&config, text).expect("the registry's configuration");
        let log = directory.path().join("log");
        let words = File::create(&log).expect("the registry's log");
        let program = find_program("docker-registry").expect("checked before the scenario began");
        let mut process = Command::new(program)
            .arg("serve")
            .arg(&config)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(words)
            .spawn()
            .expect("docker-registry starts");
        let begun = Instant::now();
        let port = loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if let Some(port) = listening_port(&said) {
                break port;
            }
            if begun.elapsed() > PATIENCE {
                let _ = process.kill();
                let _ = process.wait();
                panic!("docker-registry does not listen:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        Distribution {
            process,
            port,
            _directory: directory,
        }
    }

    /// The full name of something in it.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("127.0.0.1:{}/{rest}", self.port)
    }

    /// Puts `image` there, as the distribution-spec has it under "Pushing"; returns the manifest's digest.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &TestImage) -> String {
        for blob in image.layers.iter().chain([&image.config_blob()]) {
            self.put_blob(repository, blob);
        }
        let manifest = image.manifest();
        let path = format!("/v2/{repository}/manifests/{tag}");
        self.ask("PUT", &path, &manifest);
        manifest.digest()
    }

    fn put_blob(&self, repository: &str, blob: &Content) {
        let nothing = Content {
            media_type: "application/octet-stream".to_owned(),
            bytes: Vec::new(),
        };
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let answer = self.ask("POST", &uploads, &nothing);
        let location = (answer.lines())
            .find_map(|line| {
                line.split_once(": ")
                    .filter(|(name, _)| name.eq_ignore_ascii_case("location"))
            })
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_else(|| panic!("no place to upload to:\n{answer}"));
        let path = location
            .strip_prefix(&format!("http://127.0.0.1:{}", self.port))
            .unwrap_or(&location);
        let separator = if path.contains('?') { '&' } else { '?' };
        let content = Content {
            media_type: nothing.media_type,
            bytes: blob.bytes.clone(),
        };
        self.ask(
            "PUT",
            &format!("{path}{separator}digest={}", blob.digest()),
            &content,
        );
    }

    /// Sends one request and returns the head of the answer, which has to be 201 or 202.
    fn ask(&self, method: &str, path: &str, content: &Content) -> String {
        let mut stream =
            TcpStream::connect(("127.0.0.1", self.port)).expect("the registry listens");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            content.media_type,
            content.bytes.len()
        )
        .and_then(|()| stream.write_all(&content.bytes))
        .expect("the registry takes a request");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the registry answers");
        let accepted = ["HTTP/1.1 201 ", "HTTP/1.1 202 "];
        let head = answer.split("\r\n\r\n").next().unwrap_or_default();
        assert!(
            accepted.iter().any(|line| head.starts_with(line)),
            "{method} {path}:\n{answer}"
        );
        head.to_owned()
    }
}

/// The port in the line `… listening on 127.0.0.1:PORT…` of its log.
fn listening_port(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("listening on 127.0.0.1:")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[..digits].parse().ok()
}
