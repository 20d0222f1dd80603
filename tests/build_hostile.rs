//! `build` against Dockerfiles, contexts and images that mean harm, or ask for what hardly anybody does.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(mounts_stay_out_of_proc),
        scenario!(mounts_fit_what_is_there),
        scenario!(mounts_do_not_share_a_place),
        scenario!(what_a_step_is_given_tells_it_from_others),
        scenario!(secrets_go_with_the_build_however_it_ends),
        scenario!(no_link_leads_out_of_a_fetched_context),
        scenario!(no_here_document_is_written_elsewhere),
        scenario!(a_link_does_not_show_what_is_ignored),
        scenario!(no_image_grows_beyond_what_can_be_read),
        scenario!(nothing_is_called_like_a_whiteout),
        scenario!(directories_as_deep_as_can_be),
        scenario!(no_message_names_a_place_of_the_store),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Writes a Dockerfile into a context and returns the context's path.
fn dockerfile(env: &TestEnv, text: &str) -> String {
    env.file("context/Dockerfile", text);
    env.work().join("context").display().to_string()
}

/// What the image `name` has in `/r`.
fn result(env: &TestEnv, name: &str) -> String {
    env.ctr(format!("run --rm {name} cat /r")).ok().out()
}

fn mounts_do_not_share_a_place(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\n\
        RUN --mount=type=secret,id=a,target=/run/s-x --mount=type=secret,id=b,target=/run/s/x cat /run/s-x /run/s/x > /r\n\
        RUN --mount=source=x,target=/m/a --mount=source=y,target=/m-a cd /m/a; ls * >> /r; cd /m-a; ls * >> /r\n\
        RUN --mount=source=x/fx,target=/n/a --mount=source=y/fy,target=/n-a cat /n/a /n-a >> /r\n";
    let dir = dockerfile(env, text);
    env.file("context/x/fx", "x\n");
    env.file("context/y/fy", "y\n");
    env.ctr(format!(
        "build -q -t places --secret id=a,env=A --secret id=b,env=B {dir}"
    ))
    .env("A", "secret a\n")
    .env("B", "secret b\n")
    .ok();
    assert_eq!(result(env, "places"), "secret a\nsecret b\nfx\nfy\nx\ny\n");
}

/// Its name is the author's to choose, and only a name.
fn no_here_document_is_written_elsewhere(env: &TestEnv) {
    let outside = env.work().join("outside").display().to_string();
    let up = "../".repeat(40) + outside.trim_start_matches('/');
    for instruction in ["COPY", "ADD"] {
        for name in [outside.as_str(), &up, "../outside", "a/b", "..", "."] {
            let text = format!("FROM scratch\n{instruction} <<{name} /f\nx\n{name}\n");
            let dir = dockerfile(env, &text);
            let refused = env.ctr(format!("build -q {dir}")).run().exits(1);
            let words = "a here-document cannot be a file called";
            assert!(refused.err().contains(words), "{name}: {}", refused.err());
            assert!(!env.work().join("outside").exists(), "{name}");
        }
    }
    env.image("busybox");
    // Nor is it a pattern.
    let text =
        "FROM busybox\nCOPY <</r /\nroot's\n/r\nCOPY <<'[x]*' /\n\n[x]*\nRUN test -f '/[x]*'\n";
    let dir = dockerfile(env, text);
    env.ctr(format!("build -q -t plain {dir}")).ok();
    assert_eq!(result(env, "plain"), "root's\n");
}

/// Everything that a command can see decides whether the cache's result is the one it would have.
fn what_a_step_is_given_tells_it_from_others(env: &TestEnv) {
    env.image("busybox");
    let build = |text: &str, flags: &str| {
        let dir = dockerfile(env, text);
        env.ctr(format!(
            "build -q -t given --secret id=s,env=S {flags} {dir}"
        ))
        .env("S", "secret")
        .ok();
        result(env, "given")
    };
    for name in ["ONE", "TWO"] {
        let text = format!(
            "FROM busybox\nRUN --mount=type=secret,id=s,env={name} echo ${{ONE:+one}}${{TWO:+two}} > /r\n"
        );
        assert_eq!(build(&text, ""), format!("{}\n", name.to_lowercase()));
    }
    for mode in ["440", "400"] {
        let text = format!(
            "FROM busybox\nRUN --mount=type=secret,id=s,mode=0{mode} stat -c %a /run/secrets/s > /r\n"
        );
        assert_eq!(build(&text, ""), format!("{mode}\n"));
    }
    for word in ["one", "two"] {
        let text = format!(
            "FROM busybox AS from\nRUN mkdir /d; echo {word} > /d/f\n\
             FROM busybox\nRUN --mount=type=cache,id={word},from=from,source=/d,target=/c cat /c/f > /r\n"
        );
        assert_eq!(build(&text, ""), format!("{word}\n"));
    }
    let hosts = "FROM busybox\nRUN grep -w other /etc/hosts | cut -c1-7 > /r\n";
    for address in ["1.1.1.1", "2.2.2.2"] {
        let flags = format!("--add-host other:{address}");
        assert_eq!(build(hosts, &flags), format!("{address}\n"));
    }
    let network = "FROM busybox\nRUN readlink /proc/self/ns/net > /r\n";
    let isolated = build(network, "--network none");
    assert_ne!(build(network, "--network host"), isolated);
}

fn secrets_go_with_the_build_however_it_ends(env: &TestEnv) {
    env.image("busybox");
    let left = || -> Vec<String> {
        let entries = fs::read_dir(env.runtime().join("ctr"))
            .into_iter()
            .flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("build-")).collect()
    };
    // Says where the other one can see it that it has begun.
    let wait = "RUN --mount=type=secret,id=s --mount=type=cache,id=c,target=/c touch /c/begun; sleep 1000\n";
    let text = format!(
        "FROM busybox AS one\n{wait}\
         FROM busybox AS two\nRUN --mount=type=cache,id=c,target=/c while [ ! -e /c/begun ]; do sleep 0.01; done; false\n\
         FROM scratch\nCOPY --from=one / /\nCOPY --from=two / /\n"
    );
    let build = |text: &str| {
        let dir = dockerfile(env, text);
        env.ctr(format!("build --secret id=s,env=S {dir}"))
            .env("S", "secret")
    };
    build(&text).run().exits(1);
    assert_eq!(left(), [""; 0]);
    let alone = format!("FROM busybox\n{wait}");
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        env.ctr("builder prune -af").ok();
        let running = build(&alone).spawn();
        env.until(|| {
            let caches = fs::read_dir(env.data().join("ctr/cache/mounts"));
            let mut caches = caches.into_iter().flatten();
            // They are deleted once the command has begun.
            caches.any(|cache| cache.unwrap().path().join("begun").exists()) && left().is_empty()
        });
        running.signal(signal);
        let _ = running.wait();
        assert_eq!(left(), [""; 0], "{signal}");
    }
    // What a build killed before that has left, whose number somebody else has by now.
    let path = env
        .runtime()
        .join(format!("ctr/build-{}", std::process::id()));
    env.script(&format!("mkdir {0}; echo secret > {0}/1-0", path.display()))
        .ok();
    env.ctr("system prune -f").ok();
    assert_eq!(left(), [""; 0]);
}

fn nothing_is_called_like_a_whiteout(env: &TestEnv) {
    env.image("busybox");
    env.file("context/.wh.f", "");
    env.file("context/d/.wh.d/f", "");
    for (line, name) in [
        (
            "RUN mkdir -p /a/b; touch /a/b/.wh.passwd",
            "/a/b/.wh.passwd",
        ),
        ("RUN mkdir /.wh..wh..opq", "/.wh..wh..opq"),
        ("COPY .wh.f /x", ""),
        ("COPY .wh.f /", "/.wh.f"),
        ("COPY d /", "/.wh.d"),
        ("COPY Dockerfile /x/.wh.y/", "/x/.wh.y"),
        ("WORKDIR /.wh.w/x", "/.wh.w"),
    ] {
        let dir = dockerfile(env, &format!("FROM busybox\n{line}\n"));
        let built = env.ctr(["build", "--network", "none", &dir]).run();
        match name {
            "" => drop(built.exits(0)),
            name => {
                let words = format!("{name}: a name that begins with .wh. means in a layer");
                let _ = built.exits(1).stderr_has(&words);
            }
        }
    }
}

fn directories_as_deep_as_can_be(env: &TestEnv) {
    env.image("busybox");
    let build = |files: u32, text: &str| {
        env.file("Dockerfile", text);
        env.file("empty/.dockerignore", "");
        let script = format!(
            "ulimit -n {files}; exec {{ctr}} build -q --network none -t deep -f Dockerfile empty"
        );
        env.script(&script).run()
    };
    let deep = "d/".repeat(600);
    let text = format!("FROM busybox AS a\nRUN mkdir -p /{deep}; touch /{deep}f\n");
    let made = build(1024, &text).exits(0).line();
    env.ctr("save -o deep.tar deep").ok();
    env.ctr("rmi deep").ok();
    env.ctr("load -i deep.tar").ok();
    let id = env.ctr("inspect -f {{.Id}} deep").ok().line();
    assert_eq!(id, made);
    let copied = format!("{text}FROM busybox\nCOPY --from=a /d /e\n");
    build(1024, &copied).exits(0);
    build(128, &format!("{text}RUN touch /x\n").replace("/f", "/g"))
        .exits(1)
        .stderr_has("ulimit -n");
    let beyond = "FROM busybox\n\
        RUN n=$(printf '%0200d' 0); cd /tmp; for i in $(seq 30); do mkdir $n && cd -P $n || exit 1; done\n";
    build(1024, beyond)
        .exits(1)
        .stderr_has("longer than 4095 bytes");
    env.ctr("system check").ok();
    env.ctr("system prune -af").ok();
    crate::crash::assert_prune_cleans(env, &["tmp", "layers"]);
}

fn no_message_names_a_place_of_the_store(env: &TestEnv) {
    env.file("empty/f", "");
    let tar = env.program("tar", ["c", "-C", "empty", "f"]).ok();
    for args in [
        ["build", "-"].as_slice(),
        &["build", "-f", "x/Dockerfile", "-"],
    ] {
        let said = env.ctr(args).stdin(tar.bytes()).run().exits(1).err();
        let place = env.data().display().to_string();
        assert!(!said.contains(&place), "{said}");
        assert!(
            said.contains("open Dockerfile: no such file")
                || said.contains("open x/Dockerfile: no such file"),
            "{said}"
        );
    }
}

fn no_image_grows_beyond_what_can_be_read(env: &TestEnv) {
    env.image("busybox");
    let doubling =
        "ARG A=0123456789abcdef\nFROM busybox\nARG A\n".to_owned() + &"ENV A=$A$A\n".repeat(40);
    let early = doubling
        .replace("FROM busybox\nARG A\n", "")
        .replace("ENV", "ARG")
        + "FROM busybox\n";
    let value = "x".repeat(100_000);
    let large = format!(
        "FROM busybox\nARG A={value}\n{}",
        "LABEL a=$A\n".repeat(100)
    );
    let many = "FROM busybox\n".to_owned() + &"ENV A=b\n".repeat(10_001);
    for (text, words) in [
        (doubling, "variables have more than"),
        (early, "variables have more than"),
        (large, "the image's configuration would have more than"),
        (many, "the image's configuration would have more than"),
    ] {
        let dir = dockerfile(env, &text);
        let failed = env.ctr(["build", "-q", &dir]).run().exits(1);
        assert!(
            failed.err().contains(words),
            "{}",
            failed.err().lines().last().unwrap()
        );
    }
}

fn no_link_leads_out_of_a_fetched_context(env: &TestEnv) {
    env.image("busybox");
    env.file("outside", "THE-HOST-S-OWN\n");
    let pack = |link: &str| {
        let script =
            format!("rm -rf c; mkdir c; echo FROM busybox > c/real; {link}; tar cf - -C c .");
        env.script(&script).ok()
    };
    for link in [
        "ln -s $PWD/outside c/Dockerfile",
        "ln -s ../../../../../../../../../../$PWD/outside c/Dockerfile",
        "mkfifo c/Dockerfile",
    ] {
        let tar = pack(link);
        let failed = env.ctr("build -").stdin(tar.bytes()).run().exits(1);
        assert!(!failed.err().contains("HOST"), "{failed}");
    }
    let tar = pack("echo FROM busybox > c/Dockerfile; mkfifo c/.dockerignore");
    env.ctr("build -").stdin(tar.bytes()).run().exits(1);
    let tar = pack("ln -s /real c/Dockerfile");
    env.ctr("build -").stdin(tar.bytes()).ok();
    let outside = env.work().join("outside");
    env.ctr(format!(
        "build -f ../../../../../../../../..{} -",
        outside.display()
    ))
    .stdin(tar.bytes())
    .run()
    .exits(1);
}

fn a_link_does_not_show_what_is_ignored(env: &TestEnv) {
    env.image("busybox");
    env.file("context/secret", "s\n");
    env.file("context/dir/secret", "s\n");
    env.file("context/dir/open", "o\n");
    env.file("context/.dockerignore", "secret\ndir/secret\n");
    env.script("ln -s secret context/link; ln -s dir context/dirlink")
        .ok();
    for line in [
        "COPY link /x",
        "COPY dirlink/secret /x",
        "RUN --mount=source=link,target=/x cat /x",
        "RUN --mount=source=dirlink,target=/x cat /x/secret",
    ] {
        let dir = dockerfile(env, &format!("FROM busybox\n{line}\n"));
        env.ctr(format!("build {dir}")).run().exits(1);
    }
    let dir = dockerfile(env, "FROM busybox\nCOPY dirlink /x/\nRUN ls /x > /r\n");
    env.ctr(format!("build -q -t seen {dir}")).ok();
    assert_eq!(result(env, "seen"), "open\n");
}

/// Builds one RUN with a mount, in an image with a link to `/proc`.
fn with_mount(env: &TestEnv, mount: &str) -> crate::support::Finished {
    env.image("busybox");
    env.file("mounts/file", "mounted\n");
    let text = format!(
        "FROM busybox\nRUN ln -s /proc /link\nRUN --mount={mount} cat /etc/hosts /etc/resolv.conf\n"
    );
    env.file("mounts/Dockerfile", text);
    let dir = env.work().join("mounts").display().to_string();
    env.ctr(["build", "--progress=plain", &dir]).run()
}

fn mounts_stay_out_of_proc(env: &TestEnv) {
    for target in [
        "/proc/self",
        "/proc/1/root",
        "/proc/sys/kernel",
        "/proc/none/such",
    ] {
        for kind in ["tmpfs", "bind", "cache"] {
            let failed = with_mount(env, &format!("type={kind},target={target}")).exits(1);
            let words = format!("a mount at \"{target}\", which is inside /proc");
            assert!(failed.err().contains(&words), "{failed}");
        }
    }
    let led = with_mount(env, "type=tmpfs,target=/link/self").exits(1);
    assert!(
        led.err()
            .contains("\"/link/self\": operation not permitted"),
        "{led}"
    );
    // As runc, which lets lxcfs show its own.
    with_mount(env, "type=bind,source=file,target=/proc/uptime").exits(0);
    env.ctr("run --rm --tmpfs /proc/self busybox true")
        .run()
        .exits(125)
        .stderr_has("which is inside /proc");
}

fn mounts_fit_what_is_there(env: &TestEnv) {
    for (mount, words) in [
        (
            "type=tmpfs,target=/etc/hosts",
            "cannot mount a directory at /etc/hosts: there is a file at /etc/hosts",
        ),
        (
            "type=tmpfs,target=/etc/hosts/x",
            "cannot mount a directory at /etc/hosts/x: there is a file at /etc/hosts",
        ),
        (
            "type=bind,source=file,target=/etc",
            "cannot mount a file at /etc: there is a file at /etc/host",
        ),
    ] {
        let failed = with_mount(env, mount).exits(1);
        assert!(failed.err().contains(words), "{failed}");
    }
    for target in ["/etc/hosts", "/etc/resolv.conf"] {
        let built = with_mount(env, &format!("type=bind,source=file,target={target}")).exits(0);
        assert!(built.err().contains(" mounted\n"), "{built}");
    }
}
