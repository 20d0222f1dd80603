//! `build` and the network: ADD of files and repositories, contexts that are fetched. Servers are on loopback.

use std::fs;
use std::path::Path;

use crate::support::image::digest;
use crate::support::registry::{Fault, Registry};
use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(adds_files).needs(Need::Busybox),
        scenario!(adds_files_once),
        scenario!(refuses_files),
        scenario!(follows_redirects),
        scenario!(says_who_we_are),
        scenario!(trusts_whom_pulls_trust),
        scenario!(adds_repositories)
            .needs(Need::Busybox)
            .needs(Need::Program("git")),
        scenario!(adds_submodules).needs(Need::Program("git")),
        scenario!(no_tree_has_files_of_git_s_own).needs(Need::Program("git")),
        scenario!(counts_before_it_checks_out).needs(Need::Program("git")),
        scenario!(refuses_repositories).needs(Need::Program("git")),
        scenario!(keeps_logins_of_urls_to_itself).needs(Need::Program("git")),
        scenario!(secrets_for_git_stay_with_their_server).needs(Need::Program("git")),
        scenario!(runs_and_reads_nothing_for_a_repository).needs(Need::Program("git")),
        scenario!(builds_what_is_fetched).needs(Need::Program("git")),
        scenario!(unpacks_with_programs)
            .needs(Need::Busybox)
            .needs(Need::Program("xz"))
            .needs(Need::Program("bzip2")),
    ]
}

/// A date as servers write it, and as `stat` does.
const DATE: (&str, &str) = ("Wed, 21 Oct 2015 07:28:00 GMT", "2015-10-21 07:28:00");

/// Writes the Dockerfile of a context, in which `HOST` is the server's, and returns the context's path.
fn context(env: &TestEnv, server: &Registry, text: &str) -> String {
    let text = text.replace("HOST", &server.host());
    env.file("context/Dockerfile", text);
    env.work().join("context").display().to_string()
}

/// What `stat` in the image says of a file.
#[track_caller]
fn stat(env: &TestEnv, path: &str) -> String {
    let format = "%F %a %u:%g %y";
    let found = env.ctr(["run", "--rm", "built", "stat", "-c", format, path]);
    found.ok().out()
}

fn adds_files(env: &TestEnv) {
    env.image("busybox");
    let server = Registry::start();
    server.put_file("/dir/a%20b", "hello\n", &[("Last-Modified", DATE.0)]);
    server.put_file("/undated", "x", &[]);
    let tar = env.script("mkdir d && echo in > d/f && tar czf - d").ok();
    server.put_file("/d.tar.gz", tar.bytes(), &[("ETag", "\"1\"")]);
    let context = context(
        env,
        &server,
        "FROM busybox\nWORKDIR /w\n\
         ADD http://HOST/dir/a%20b?x=y ./\n\
         ADD --chmod=751 --chown=7:8 http://HOST/undated file\n\
         ADD http://HOST/d.tar.gz /packed/\n\
         ADD --unpack=true http://HOST/d.tar.gz /unpacked/\n",
    );
    env.ctr(["build", "-t", "built", &context]).ok();
    let dated = stat(env, "/w/a b");
    assert!(
        dated.starts_with(&format!("regular file 600 0:0 {}", DATE.1)),
        "{dated}"
    );
    let undated = stat(env, "/w/file");
    assert!(
        undated.starts_with("regular file 751 7:8 1970-01-01 00:00:00"),
        "{undated}"
    );
    env.ctr("run --rm built cat /unpacked/d/f")
        .ok()
        .stdout("in\n");
    env.ctr("run --rm built ls /packed")
        .ok()
        .stdout("d.tar.gz\n");
}

fn adds_files_once(env: &TestEnv) {
    let server = Registry::start();
    server.put_file("/tagged", "1", &[("ETag", "\"1\"")]);
    server.put_file("/plain", "1", &[]);
    let sum = digest(b"1");
    let dir = context(
        env,
        &server,
        &format!(
            "FROM scratch\nADD http://HOST/tagged /\nADD http://HOST/plain /\n\
             ADD --checksum={sum} http://HOST/plain /sum\n"
        ),
    );
    let build = || env.ctr(["build", "-q", &dir]).ok().line();
    let first = build();
    assert_eq!(server.count("GET /tagged"), 1);
    server.take_requests();
    assert_eq!(build(), first);
    // What says how old it is need not be fetched, and what is known needs not even a question.
    assert_eq!(server.count("GET /tagged"), 0);
    assert_eq!(server.count("HEAD /tagged"), 1);
    assert_eq!(server.count("GET /plain"), 1);
    assert_eq!(server.count("HEAD /plain"), 1);
    server.put_file("/tagged", "2", &[("ETag", "\"2\"")]);
    let second = build();
    assert_ne!(second, first);
    // A server whose answers do not agree is believed for this build alone.
    server.put_file("/tagged", "3", &[("ETag", "\"3\"")]);
    let other = Fault::Answer(200, vec![("ETag", "\"4\"".to_owned())], String::new());
    server.fail("HEAD /tagged", 1, other);
    let third = build();
    assert_ne!(third, second);
    server.put_file("/tagged", "4", &[("ETag", "\"4\"")]);
    assert_ne!(build(), third);
}

fn refuses_files(env: &TestEnv) {
    let server = Registry::start();
    server.put_file("/f", "1", &[]);
    let secure = server.host();
    for (line, words) in [
        ("ADD http://HOST/none /", "unexpected status 404"),
        (
            "ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 http://HOST/f /",
            "digest mismatch sha256:6b86b273",
        ),
        ("ADD --checksum=md5:0 http://HOST/f /", "invalid checksum"),
        ("COPY http://HOST/f /", "source can't be a URL for COPY"),
        ("COPY git@HOST:f /", "source can't be a git ref for COPY"),
        ("ADD http:// /", "invalid URL"),
    ] {
        let line = line.replace("git@HOST", "git@host");
        let dir = context(env, &server, &format!("FROM scratch\n{line}\n"));
        let failed = env.ctr(["build", &dir]).run().exits(1);
        failed
            .stderr_has(words)
            .stderr_has("   2 | >>> ")
            .stderr_has(line.replace("HOST", &secure).as_str());
    }
    // Cut off, then whole.
    server.put_file("/f", "0123456789", &[]);
    server.fail("GET /f", 1, Fault::CutAfter(4));
    let dir = context(env, &server, "FROM scratch\nADD http://HOST/f /\n");
    env.ctr(["build", &dir]).ok();
}

fn follows_redirects(env: &TestEnv) {
    let server = Registry::start();
    server.put_file("/f", "1", &[("ETag", "\"1\"")]);
    let to = |url: &str| Fault::Answer(302, vec![("Location", url.to_owned())], String::new());
    server.fail("/moved", 2, to("/f"));
    server.fail("/round", 100, to("/round"));
    let dir = context(env, &server, "FROM scratch\nADD http://HOST/moved /\n");
    env.ctr(["build", "-o", "out", &dir]).ok();
    assert_eq!(fs::read(env.work().join("out/moved")).unwrap(), b"1");
    let dir = context(env, &server, "FROM scratch\nADD http://HOST/round /\n");
    env.ctr(["build", &dir])
        .run()
        .exits(1)
        .stderr_has("too many redirects");
    // Asked once for what it is, once for its bytes, each as often as redirects are followed.
    assert!(server.count("/round") < 30);
}

fn trusts_whom_pulls_trust(env: &TestEnv) {
    let server = Registry::start_tls();
    server.put_file("/f", "1", &[]);
    let proxy = format!("http://{}", server.host());
    let dir = context(
        env,
        &server,
        "FROM scratch\nADD https://registry.test/f /\n",
    );
    env.ctr(["build", &dir])
        .env("HTTPS_PROXY", &proxy)
        .run()
        .exits(1)
        .stderr_has("invalid peer certificate: UnknownIssuer");
    assert_eq!(server.count("GET"), 0, "something was asked of a stranger");
    let trusted = env.file("ca.crt", include_str!("testfiles/tls/ca.crt"));
    env.ctr(["build", &dir])
        .env("https_proxy", &proxy)
        .env("SSL_CERT_FILE", &trusted)
        .ok();
    // Nobody is led from there to where everybody listens.
    let plain = Registry::start();
    plain.put_file("/f", "1", &[]);
    let location = format!("http://{}/f", plain.host());
    let moved = Fault::Answer(302, vec![("Location", location)], String::new());
    server.fail("/f", 2, moved);
    env.ctr(["build", "--no-cache", &dir])
        .env("https_proxy", &proxy)
        .env("SSL_CERT_FILE", &trusted)
        .run()
        .exits(1)
        .stderr_has("refusing a redirect from HTTPS to HTTP");
    assert_eq!(plain.count("GET"), 0);
}

/// Makes a repository with two commits, the first of them tagged `v1`, and serves it.
fn repository(env: &TestEnv, server: &Registry) {
    env.script(
        "set -e; export GIT_AUTHOR_DATE='1445412480 +0000' GIT_COMMITTER_DATE='1445412480 +0000'; \
         git init -q -b main r; cd r; git config user.email a@b; git config user.name n; \
         mkdir docs; echo one > docs/f; ln -s docs link; ln -s ../../etc out; \
         printf 'FROM scratch\\nCOPY docs/f .dockerignore* /\\n' > Dockerfile; \
         git add .; git commit -q -m 1; git tag -a -m v1 v1; \
         echo two > docs/f; git commit -q -a -m 2; \
         cd ..; git clone -q --bare r served; git -C served update-server-info",
    )
    .ok();
    serve(server, &env.work().join("served"), "/r.git");
}

fn serve(server: &Registry, dir: &Path, path: &str) {
    for entry in fs::read_dir(dir).expect("a directory of the repository") {
        let entry = entry.expect("a file of the repository");
        let path = format!("{path}/{}", entry.file_name().display());
        match entry.path().is_dir() {
            true => serve(server, &entry.path(), &path),
            false => server.put_file(&path, fs::read(entry.path()).expect("a file"), &[]),
        }
    }
}

fn adds_repositories(env: &TestEnv) {
    env.image("busybox");
    let server = Registry::start();
    repository(env, &server);
    let dir = context(
        env,
        &server,
        "FROM busybox\nADD http://HOST/r.git /head\n\
         ADD http://HOST/r.git#v1:link /v1/\n\
         ADD --chown=3:4 http://HOST/r.git?branch=main&subdir=docs /owned\n\
         ADD --keep-git-dir=true http://HOST/r.git#main /whole\n",
    );
    env.ctr(["build", "-t", "built", &dir]).ok();
    env.ctr("run --rm built cat /head/docs/f /v1/f /whole/docs/f")
        .ok()
        .stdout("two\none\ntwo\n");
    env.ctr("run --rm built ls -A /head")
        .ok()
        .stdout("Dockerfile\ndocs\nlink\nout\n");
    let head = env.ctr("run --rm built cat /whole/.git/HEAD").ok().line();
    assert_eq!(head.len(), 40, "{head}");
    let owned = stat(env, "/owned/f");
    let wanted = format!("regular file 644 3:4 {}", DATE.1);
    assert!(owned.starts_with(&wanted), "{owned}");
    // Nothing but the question which commit it is.
    server.take_requests();
    let again = env.ctr(["build", "--progress=plain", &dir]).ok().err();
    assert_eq!(again.matches("CACHED").count(), 4, "{again}");
    assert_eq!(server.count("/objects/"), 0);
}

fn adds_submodules(env: &TestEnv) {
    let server = Registry::start();
    repository(env, &server);
    env.script(
        "set -e; commit=$(git -C r rev-parse HEAD); \
         git init -q -b main s; cd s; git config user.email a@b; git config user.name n; \
         printf '[submodule \"sub\"]\\n\\tpath = sub\\n\\turl = ../r.git\\n' > .gitmodules; \
         git add .; git update-index --add --cacheinfo 160000,$commit,sub; git commit -q -m s; \
         sed -i s,../r.git,file://$PWD/../served, .gitmodules; \
         git commit -q -m hostile .gitmodules; git branch hostile; git reset -q --hard HEAD~; \
         cd ..; git clone -q --bare s s.git; git -C s.git update-server-info",
    )
    .ok();
    serve(&server, &env.work().join("s.git"), "/s.git");
    let dir = context(
        env,
        &server,
        "FROM scratch\nADD http://HOST/s.git /with/\n\
         ADD http://HOST/s.git?submodules=false /without/\n",
    );
    env.ctr(["build", "-o", "out", &dir]).ok();
    let out = env.work().join("out");
    assert_eq!(fs::read(out.join("with/sub/docs/f")).unwrap(), b"two\n");
    assert!(!out.join("with/sub/.git").exists());
    assert!(!out.join("without/sub/docs").exists());
    // A submodule cannot lead to the files of whoever builds.
    let dir = context(
        env,
        &server,
        "FROM scratch\nADD http://HOST/s.git#hostile /\n",
    );
    env.ctr(["build", &dir])
        .run()
        .exits(1)
        .stderr_has("transport 'file' not allowed");
}

/// Names that mean `.git` somewhere, or lead out: such a commit is not checked out, and what it would have git do is not done.
fn no_tree_has_files_of_git_s_own(env: &TestEnv) {
    let server = Registry::start();
    let names = [".GIT", "git~1", "..", ".gitmodules"];
    let script = format!(
        "set -e; export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=a@b; \
         git init -q --bare -b main x.git; cd x.git; \
         config=$(printf '[core]\\n\\tfsmonitor = touch %s/done\\n' $OLDPWD | git hash-object -w --stdin); \
         dir=$(printf '100644 blob %s\\tconfig\\n' $config | git mktree); \
         file=$(echo x | git hash-object -w --stdin); link=$(printf %s $OLDPWD | git hash-object -w --stdin); n=0; \
         for name in {}; do n=$((n+1)); \
         for entry in \"040000 tree $dir\" \"120000 blob $link\"; do \
         tree=$(printf '%s\\t%s\\n100644 blob %s\\tfile\\n' \"$entry\" \"$name\" $file | git mktree); \
         git update-ref refs/heads/${{entry%% *}}-$n $(git commit-tree -m x $tree); done; done; \
         git update-server-info",
        names.join(" ")
    );
    env.script(&script).ok();
    serve(&server, &env.work().join("x.git"), "/x.git");
    for (n, name) in names.iter().enumerate() {
        for kind in ["040000", "120000"] {
            // A directory of this name is any other.
            if (*name, kind) == (".gitmodules", "040000") {
                continue;
            }
            let url = format!("http://{}/x.git#{kind}-{}", server.host(), n + 1);
            let refused = env.ctr(["build", &url]).run().exits(1);
            refused.stderr_has(&format!("invalid path '{name}"));
        }
    }
    assert!(!env.work().join("done").exists());
}

/// Trees that hold each other two hundred times over, of a few kilobytes: files without end, of their own or of a submodule. What git
/// may have is set before it starts.
fn counts_before_it_checks_out(env: &TestEnv) {
    let server = Registry::start();
    env.script(
        "set -e; export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=a@b; \
         git init -q --bare -b main many.git; cd many.git; \
         of() { for n in $(seq 200); do printf '%s\t%s\n' \"$1\" $n; done | git mktree; }; \
         it=\"100644 blob $(echo x | git hash-object -w --stdin)\"; \
         for level in 1 2 3 4; do it=\"040000 tree $(of \"$it\")\"; done; \
         git update-ref refs/heads/main $(git commit-tree -m many ${it#* * }); git update-server-info; \
         cd ..; git init -q --bare -b main large.git; cd large.git; \
         it=\"100644 blob $(head -c 3000000 /dev/zero | git hash-object -w --stdin)\"; \
         for level in 1 2; do it=\"040000 tree $(of \"$it\")\"; done; \
         git update-ref refs/heads/main $(git commit-tree -m large ${it#* * }); git update-server-info; \
         cd ..; git init -q -b main outer; cd outer; \
         printf '[submodule \"s\"]\\n\\tpath = s\\n\\turl = ../many.git\\n' > .gitmodules; git add .; \
         git update-index --add --cacheinfo 160000,$(git -C ../many.git rev-parse main),s; \
         git commit -q -m outer; cd ..; git clone -q --bare outer outer.git; git -C outer.git update-server-info",
    )
    .ok();
    for name in ["many", "large", "outer"] {
        let (dir, path) = (format!("{name}.git"), format!("/{name}.git"));
        serve(&server, &env.work().join(dir), &path);
    }
    for (name, words) in [
        ("outer", "more than 4000000 files and directories"),
        ("large", " bytes"),
    ] {
        let line = format!("FROM scratch\nADD http://HOST/{name}.git /\n");
        let dir = context(env, &server, &line);
        let refused = env.ctr(["build", &dir]).run().exits(1);
        let refused = refused.stderr_has("its files are too much: more than ");
        refused.stderr_has(words);
    }
    let script =
        "#!/bin/sh\nulimit -d > limits; ulimit -f >> limits; cp limits \"${0%/*}/..\"; exit 1\n";
    env.executable("bin/git", script);
    let path = format!("{}/bin:/usr/bin:/bin", env.work().display());
    let dir = context(env, &server, "FROM scratch\nADD http://HOST/many.git /\n");
    (env.ctr(["build", &dir]).env("PATH", path).run()).exits(1);
    let limits = fs::read_to_string(env.work().join("limits")).unwrap();
    // Kibibytes, and blocks of half of one.
    assert_eq!(limits, "4194304\n2147483648\n");
}

fn refuses_repositories(env: &TestEnv) {
    let server = Registry::start();
    repository(env, &server);
    for (line, words) in [
        ("ADD http://HOST/none.git /", "failed to fetch http://"),
        ("ADD http://HOST/r.git#nope /", "does not contain ref"),
        ("ADD http://HOST/r.git#--upload-pack=x /", "invalid git URL"),
        ("ADD http://HOST/r.git#:out /", "subdir \"out\""),
        (
            "ADD --checksum=0123456789 http://HOST/r.git /",
            "expected checksum to match",
        ),
        ("ADD http://HOST/r.git?depth=1 /", "unexpected query"),
        // The host's own repositories are none of a Dockerfile's business.
        ("ADD file:///etc/x.git /", "not found"),
        ("ADD ext::sh%20-c%20id x.git /", "not found"),
    ] {
        let dir = context(env, &server, &format!("FROM scratch\n{line}\n"));
        env.ctr(["build", &dir]).run().exits(1).stderr_has(words);
    }
    // Without the program.
    let dir = context(env, &server, "FROM scratch\nADD http://HOST/r.git /\n");
    env.ctr(["build", &dir])
        .env("PATH", "/nonexistent")
        .run()
        .exits(1)
        .stderr_has("install the package git");
}

/// What processes show of themselves to everybody, what is printed, and what stays in images.
fn keeps_logins_of_urls_to_itself(env: &TestEnv) {
    let server = Registry::start();
    repository(env, &server);
    let wants = vec![("WWW-Authenticate", "Basic realm=\"x\"".to_owned())];
    let who = || Fault::Answer(401, wants.clone(), String::new());
    let log = env.work().join("log");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {}\nPATH=/usr/local/bin:/usr/bin:/bin exec git \"$@\"\n",
        log.display()
    );
    let git = env.file("bin/git", script);
    env.script(&format!("chmod 755 {}", git.display())).ok();
    let path = format!("{}/bin:/usr/sbin:/usr/bin:/bin", env.work().display());
    let url = format!("http://joe:hunter2@{}/r.git", server.host());
    let text = format!("FROM scratch\nADD --keep-git-dir=true {url} /\n");
    let dir = context(env, &server, &text);
    server.fail("/r.git/info/refs", 1, who());
    let built = env
        .ctr(["build", "--metadata-file", "metadata", "-t", "it", &dir])
        .env("PATH", &path)
        .ok();
    env.ctr(["build", "-q", "-o", "out", &dir])
        .env("PATH", &path)
        .ok();
    // A context, and what is said of one that is not there.
    server.fail("/r.git/info/refs", 1, who());
    let fetched = env.ctr(["build", &url]).env("PATH", &path).ok();
    let wrong = url.replace("r.git", "none.git");
    let failed = env.ctr(["build", &wrong]).env("PATH", &path).run().exits(1);
    let missing = format!("FROM scratch\nADD {wrong} /\n");
    let missing = context(env, &server, &missing);
    let unbuilt = (env.ctr(["build", &missing]).env("PATH", &path).run()).exits(1);
    let history = env.ctr("history --no-trunc it").ok();
    let image = env.ctr("image inspect it").ok();
    let archive = env.ctr("save it").ok();
    let read = |name: &str| fs::read(env.work().join(name)).unwrap();
    let shown = [
        read("log"),
        read("metadata"),
        read("out/.git/config"),
        built.err().into(),
        fetched.err().into(),
        failed.err().into(),
        unbuilt.err().into(),
        history.bytes().to_vec(),
        image.bytes().to_vec(),
        archive.bytes().to_vec(),
    ];
    for (n, bytes) in shown.iter().enumerate() {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("hunter2"), "{n}: {text}");
    }
    assert!(String::from_utf8_lossy(&shown[0]).contains("ls-remote"));
    // The server, though, was told.
    let requests = server.take_requests();
    let told =
        (requests.iter()).filter(|it| it.header("authorization") == "Basic am9lOmh1bnRlcjI=");
    assert!(told.count() >= 2);
}

fn secrets_for_git_stay_with_their_server(env: &TestEnv) {
    let (server, other) = (Registry::start_tls(), Registry::start());
    repository(env, &server);
    serve(&other, &env.work().join("served"), "/r.git");
    let script =
        "#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin GIT_SSL_NO_VERIFY=1 exec git \"$@\"\n";
    env.executable("bin/git", script);
    let path = format!("{}/bin:/usr/sbin:/usr/bin:/bin", env.work().display());
    env.file("token", "hunter2");
    let build = || {
        let url = format!("https://{}/r.git", server.host());
        let secret = "--secret=id=GIT_AUTH_TOKEN,src=token";
        let build = env.ctr(["build", "--no-cache", "-o", "out", secret, &url]);
        build.env("PATH", &path).run()
    };
    let there = format!(
        "http://{}/r.git/info/refs?service=git-upload-pack",
        other.host()
    );
    let moved = Fault::Answer(302, vec![("Location", there)], String::new());
    server.fail("/r.git/info/refs", 9, moved);
    let refused = build();
    for request in other.take_requests() {
        assert_eq!(request.header("authorization"), "", "{}", request.path);
    }
    refused.exits(1).stderr_has("302");
    server.heal();
    server.take_requests();
    build().exits(0);
    let requests = server.take_requests();
    assert!(!requests.is_empty());
    for request in requests {
        // `x-access-token:hunter2`
        let told = "basic eC1hY2Nlc3MtdG9rZW46aHVudGVyMg==";
        assert_eq!(request.header("authorization"), told, "{}", request.path);
    }
}

/// Whatever the repository says, no program of its own is run here and no file of the host's gets into the image.
fn runs_and_reads_nothing_for_a_repository(env: &TestEnv) {
    let server = Registry::start();
    let canary = env.work().join("canary");
    let touch = format!("touch {}", canary.display());
    // By what git reads from a tree: attributes, the list of submodules, hooks, a nested repository's configuration.
    let script = "set -e; rm -rf h h.git; git init -q -b main h; cd h; git config user.email a@b; git config user.name n; \
         echo x > f; printf '* filter=evil diff=evil merge=evil\n*.bin filter=lfs\n' > .gitattributes; \
         printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 1\n' 0 > l.bin; \
         mkdir -p hooks nested; printf '#!/bin/sh\nTOUCH\n' > hooks/post-checkout; chmod 755 hooks/post-checkout; \
         printf '[core]\n\tfsmonitor = TOUCH\n\thooksPath = hooks\n[filter \"evil\"]\n\tsmudge = TOUCH\n' > nested/config; \
         cp nested/config .gitconfig; mkdir nested/refs nested/objects; echo ref: refs/heads/x > nested/HEAD; \
         MODULES; git add .; CACHED; git commit -q -m 1; \
         cd ..; git clone -q --bare h h.git; git -C h.git update-server-info";
    let module = |path: &str, url: &str, more: &str| {
        format!(
            "printf '[submodule \"s\"]\\n\\tpath = {path}\\n\\turl = {url}\\n{more}' > .gitmodules"
        )
    };
    let link = |path: &str| {
        format!(
            "git update-index --add --cacheinfo 160000,$(git hash-object -w --stdin </dev/null | sed s/^/0/ | cut -c1-40),{path}"
        )
    };
    let ext = format!("ext::sh -c {}", touch.replace(' ', "%% "));
    let cases = [
        (":".to_owned(), ":".to_owned(), true),
        (module("sub", &ext, ""), link("sub"), false),
        (module("sub", "-u./f", ""), link("sub"), false),
        (module("sub", "--upload-pack=f", ""), link("sub"), false),
        (module("sub", "file:///etc", ""), link("sub"), false),
        (module("sub", "/etc", ""), link("sub"), false),
        (
            module("sub", "ssh://-oProxyCommand=f/x", ""),
            link("sub"),
            false,
        ),
        (
            module("sub", "../h.git", &format!("\\tupdate = !{touch}\\n")),
            link("sub"),
            false,
        ),
        (module("../../sub", "../h.git", ""), ":".to_owned(), true),
    ];
    for (n, (modules, cached, works)) in cases.into_iter().enumerate() {
        let script = script
            .replace("MODULES", &modules)
            .replace("CACHED", &cached)
            .replace("TOUCH", &touch);
        env.script(&script).ok();
        let path = format!("/h{n}.git");
        serve(&server, &env.work().join("h.git"), &path);
        let keeps: &[&str] = if works {
            &["", "--keep-git-dir=true "]
        } else {
            &[""]
        };
        for keep in keeps {
            let text = format!("FROM scratch\nADD {keep}http://HOST{path} /\n");
            let dir = context(env, &server, &text);
            let out = format!("out{n}{}", keep.len());
            let built = env.ctr(["build", "-o", &out, &dir]).run();
            assert_eq!(built.code() == 0, works, "{n}: {built}");
            assert!(!canary.exists(), "{n}: {built}");
            if works {
                let f = env.work().join(&out).join("f");
                assert_eq!(fs::read(f).unwrap(), b"x\n");
            }
        }
    }
    // A server that wants a password gets none, and nobody is asked for it.
    let wants = vec![("WWW-Authenticate", "Basic realm=\"x\"".to_owned())];
    server.fail("/h0.git", 10, Fault::Answer(401, wants, String::new()));
    let dir = context(env, &server, "FROM scratch\nADD http://HOST/h0.git /\n");
    let mut terminal = env.ctr(["build", "--no-cache", &dir]).terminal();
    terminal.expect("failed to fetch");
    assert_eq!(terminal.wait(), 1);
}

/// Builds, and returns the image's ID.
#[track_caller]
fn image_id(env: &TestEnv, args: &[&str]) -> String {
    let args = [&["build", "-q"], args].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    env.ctr(args).ok().line()
}

fn builds_what_is_fetched(env: &TestEnv) {
    let server = Registry::start();
    repository(env, &server);
    let (archive, text) = (
        env.script("git -C served -c tar.umask=022 archive main | gzip")
            .ok(),
        "FROM scratch\nLABEL a=b\n",
    );
    server.put_file("/ctx.tar.gz", archive.bytes(), &[]);
    server.put_file("/Dockerfile", text, &[]);
    let url = |path: &str| format!("http://{}/{path}", server.host());
    // The same files, whichever way they came: times are the commit's.
    let epoch = "--timestamp=1445412480";
    let by_git = image_id(env, &[epoch, &url("r.git")]);
    assert_eq!(image_id(env, &[epoch, &url("r.git#main")]), by_git);
    assert_eq!(image_id(env, &[epoch, &url("ctx.tar.gz")]), by_git);
    assert_ne!(image_id(env, &[epoch, &url("r.git#v1")]), by_git);
    image_id(env, &[&url("Dockerfile")]);
    // Files from one place, the Dockerfile from another.
    let dockerfile = env.file("other", "FROM scratch\nCOPY f /\n");
    let other = dockerfile.display().to_string();
    let dir = context(env, &server, "FROM scratch\nCOPY --from=docs f /\n");
    image_id(
        env,
        &[
            "--build-context",
            &format!("docs={}", url("r.git#:docs")),
            &dir,
        ],
    );
    image_id(env, &["-f", &url("Dockerfile"), &dir]);
    env.ctr(["build", "-f", "-", &url("r.git#:docs")])
        .stdin(fs::read(&other).unwrap())
        .ok();
    for (args, words) in [
        (vec![url("r.git#nope")], "does not contain ref"),
        (vec![url("r.git#:out")], "subdir \"out\""),
        (vec![url("none.tar")], "404"),
        (
            vec![
                "--build-context".into(),
                format!("x={}", url("Dockerfile")),
                dir.clone(),
            ],
            "neither an archive nor a repository",
        ),
    ] {
        let args = [vec!["build".to_owned()], args].concat();
        env.ctr(args).run().exits(1).stderr_has(words);
    }
    let left: Vec<_> = fs::read_dir(env.data().join("ctr/tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn unpacks_with_programs(env: &TestEnv) {
    env.image("busybox");
    env.script(
        "mkdir -p d context && echo in > d/f && tar cf t d && cp t context/t.tar && \
         xz -k t && bzip2 -k t && mv t.xz t.bz2 context && \
         head -c 100 context/t.xz > context/cut.xz && echo x | xz > context/no-tar.xz && \
         printf 'FROM busybox\nADD t.xz /xz/\nADD t.bz2 /bz2/\nADD no-tar.xz /\n' > context/Dockerfile",
    )
    .ok();
    env.ctr("build -t built context").ok();
    env.ctr("run --rm built cat /xz/d/f /bz2/d/f")
        .ok()
        .stdout("in\nin\n");
    env.ctr("run --rm built ls /no-tar.xz").ok();
    for program in ["xz", "bzip2"] {
        let tar = env.script(&format!(
            "tar cf - -C context Dockerfile t.xz t.bz2 no-tar.xz | {program}"
        ));
        let tar = tar.ok();
        env.ctr("build -").stdin(tar.bytes()).ok();
        let half = &tar.bytes()[..tar.bytes().len() / 2];
        env.ctr("build -")
            .stdin(half)
            .run()
            .exits(1)
            .stderr_has(program);
    }
    // Without the program, of which only one is needed.
    let dir = env.work().join("context").display().to_string();
    let build = || {
        env.ctr(["build", "--no-cache", &dir])
            .env("PATH", "/nonexistent")
    };
    build()
        .run()
        .exits(1)
        .stderr_has("install the package bzip2");
    env.file("context/Dockerfile", "FROM busybox\nADD t.xz /xz/\n");
    build().ok();
}

fn says_who_we_are(env: &TestEnv) {
    let server = Registry::start();
    let other = Registry::start();
    server.put_file("/f", "1", &[]);
    server.put_file("/Dockerfile", "FROM scratch\nCOPY <<a /a\na\n", &[]);
    other.put_file("/g", "2", &[]);
    let there = format!("http://{}/g", other.host());
    let moved = Fault::Answer(302, vec![("Location", there)], String::new());
    server.fail("/moved", 9, moved);
    let dir = context(
        env,
        &server,
        "FROM scratch\nADD http://HOST/f /\nADD http://HOST/moved /\n",
    );
    let build = |secrets: &[&str], what: &str| {
        let mut args = vec!["build".to_owned(), "-q".to_owned(), "--no-cache".to_owned()];
        args.extend(
            secrets
                .iter()
                .map(|id| format!("--secret=id={id},env=WORD")),
        );
        args.push(what.to_owned());
        env.ctr(args).env("WORD", "secret word\n")
    };
    let shown = |of: &Registry| -> Vec<String> {
        let requests = of.take_requests();
        let header = |request: &crate::support::registry::Request| {
            request.header("authorization").to_owned()
        };
        let mut all: Vec<String> = requests.iter().map(header).collect();
        all.dedup();
        all
    };
    let host = "127.0.0.1";
    build(&[&format!("HTTP_AUTH_TOKEN_{host}")], &dir).ok();
    assert_eq!(shown(&server), ["Bearer secret word"]);
    // Whoever it sends us on to is not told.
    assert_eq!(shown(&other), [""]);
    build(&[&format!("HTTP_AUTH_HEADER_{host}")], &dir).ok();
    assert_eq!(shown(&server), ["secret word"]);
    build(&["HTTP_AUTH_TOKEN_example.com", "HTTP_AUTH_TOKEN_"], &dir).ok();
    assert_eq!(shown(&server), [""]);
    // Also for what the command line names.
    let url = format!("http://{}/Dockerfile", server.host());
    build(&[&format!("HTTP_AUTH_TOKEN_{host}")], &url).ok();
    assert_eq!(shown(&server), ["Bearer secret word"]);
    let wrong = build(&[&format!("HTTP_AUTH_HEADER_{host}")], &dir).env("WORD", "a\nb");
    wrong.run().exits(1).stderr_has("is no HTTP header");
}
