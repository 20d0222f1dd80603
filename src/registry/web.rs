//! Files of web servers that are no registries: what ADD and a build's context name by URL.
//!
//! The way there is a registry's (see [`transport`]): trust anchors, proxies, bounded redirects, none of
//! them from HTTPS to HTTP. A URL that begins with `http://` is taken at its word.

use std::fs::File;
use std::io::{Seek as _, Write as _};

use http::header::{AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_LENGTH, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::{Client, Response, Url};
use serde::{Deserialize, Serialize};

use super::answer::{go_name, refusal, send, transport_failure};
use super::error::Error;
use super::retry::{Failure, Patience};
use super::session::runtime;
use super::{Timing, header, limits, transport};
use crate::settings::Settings;

/// A file of a web server; nothing is asked before [`WebFile::facts`] or [`WebFile::download`].
#[derive(Debug)]
pub struct WebFile {
    runtime: tokio::runtime::Runtime,
    http: Client,
    url: Url,
    authorization: Option<HeaderValue>,
    timing: Timing,
}

/// What a server says about a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// `ETag`, as it stands: two contents never have the same one.
    pub etag: Option<String>,
    /// `Last-Modified`, seconds since 1970.
    pub modified: Option<i64>,
    /// `Content-Length`, bytes.
    pub length: Option<u64>,
    /// The file name of `Content-Disposition`, without directories.
    pub name: Option<String>,
}

impl WebFile {
    /// Prepares to fetch `url`, which is `http://…` or `https://…`; a user and password in it are shown to its server.
    ///
    /// # Errors
    ///
    /// [`Error::Url`], [`Error::Client`], [`Error::Proxy`], [`Error::Certificates`].
    pub fn open(url: &str, settings: &Settings, timing: Timing) -> Result<WebFile, Error> {
        let invalid = || Error::Url(super::error::printable(url));
        let url = Url::parse(url).map_err(|_| invalid())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid());
        }
        let host = url.host_str().ok_or_else(invalid)?;
        let endpoint = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(WebFile {
            runtime: runtime()?,
            http: transport::client(&endpoint, settings, &timing, Some(timing.stall))?,
            url,
            authorization: None,
            timing,
        })
    }

    /// Returns the host that the URL names.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Has `text` shown as `Authorization` to the server of the URL and to nobody that it sends us on to. Over plain HTTP it
    /// does not leave this machine. Returns false for what is no header.
    pub fn authorize(&mut self, text: &str) -> bool {
        let header = header::sensitive(text);
        let is_header = header.is_some();
        self.authorization = header.filter(|_| transport::is_confidential(&self.url));
        is_header
    }

    /// Asks about the file without fetching it. Nothing is known where the server does not take the question: the answer to
    /// a download has words for what is wrong.
    pub fn facts(&self) -> FileFacts {
        let asked = self.runtime.block_on(self.ask(Method::HEAD));
        asked.map_or_else(|_| FileFacts::default(), |answer| facts(answer.headers()))
    }

    /// Writes the file's bytes, `limit` at most, to the empty `file`; what a broken download has written is overwritten.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] and the like, [`Error::Transport`], [`Error::TooLarge`], [`Error::Disk`].
    pub fn download(&self, file: &mut File, limit: u64) -> Result<FileFacts, Error> {
        self.runtime.block_on(async {
            let mut patience = Patience::new(&self.timing);
            loop {
                match self.pour(file, limit).await {
                    Ok(facts) => return Ok(facts),
                    Err(failure) => patience.wait(failure).await?,
                }
            }
        })
    }

    async fn ask(&self, method: Method) -> Result<Response, Failure> {
        let name = go_name(&method);
        let mut request = self.http.request(method, self.url.clone());
        if let Some(header) = &self.authorization {
            request = request.header(AUTHORIZATION, header.clone());
        }
        let response = send(request, name, &self.url).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(refusal(response, name, None).await),
        }
    }

    async fn pour(&self, file: &mut File, limit: u64) -> Result<FileFacts, Failure> {
        let disk = |error| Failure::from(Error::Disk(error));
        let mut response = self.ask(Method::GET).await?;
        let facts = facts(response.headers());
        file.set_len(0).map_err(disk)?;
        file.rewind().map_err(disk)?;
        let mut written = 0;
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|error| transport_failure(error, "Get", &self.url))?;
            let Some(chunk) = chunk else {
                return Ok(facts);
            };
            written += chunk.len() as u64;
            if written > limit {
                return Err(Error::TooLarge {
                    what: "the file",
                    limit,
                }
                .into());
            }
            file.write_all(&chunk).map_err(disk)?;
        }
    }
}

fn facts(headers: &HeaderMap) -> FileFacts {
    let text = |name: HeaderName| -> Option<&str> {
        let value = headers.get(name)?.to_str().ok()?;
        (value.len() <= limits::VALIDATOR_BYTES).then_some(value)
    };
    FileFacts {
        etag: text(ETAG).map(str::to_owned),
        modified: text(LAST_MODIFIED)
            .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
            .map(|date| date.timestamp().as_second()),
        length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        name: text(CONTENT_DISPOSITION).and_then(file_name),
    }
}

/// Returns the `filename` of a `Content-Disposition`, without the directories it may name.
///
/// Spec: RFC 6266, section 4.1; the form with a character set is not read.
fn file_name(value: &str) -> Option<String> {
    let parameter = value.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        (name.trim().eq_ignore_ascii_case("filename")).then(|| value.trim().trim_matches('"'))
    })?;
    let name = parameter.rsplit(['/', '\\']).next()?;
    (!matches!(name, "" | "." | "..")).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_headers_say() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, "W/\"x\"".parse().unwrap());
        headers.insert(
            LAST_MODIFIED,
            "Wed, 21 Oct 2015 07:28:00 GMT".parse().unwrap(),
        );
        headers.insert(
            CONTENT_DISPOSITION,
            "attachment; filename=\"../a b\"".parse().unwrap(),
        );
        let facts = facts(&headers);
        assert_eq!(facts.etag.as_deref(), Some("W/\"x\""));
        assert_eq!(facts.modified, Some(1_445_412_480));
        assert_eq!(facts.length, None);
        assert_eq!(facts.name.as_deref(), Some("a b"));
        assert_eq!(file_name("attachment; filename=.."), None);
        assert_eq!(file_name("inline"), None);
    }
}
