//! `build --ssh` with keys from files: an agent for the build alone, as OpenSSH's own programs see it.

use std::fs;

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(an_agent_signs_with_the_keys),
        scenario!(no_keys_but_the_agent_s),
        scenario!(commands_see_its_socket),
        scenario!(keys_that_are_none_are_refused),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .map(|scenario| scenario.needs(Need::Program("ssh-keygen")))
    .map(|scenario| scenario.needs(Need::Program("ssh-add")))
    .map(|scenario| scenario.needs(Need::Program("git")))
    .collect()
}

/// Makes a key; returns its path.
fn key(env: &TestEnv, name: &str, flags: &str) -> String {
    let path = env.work().join(name).display().to_string();
    let mut args = vec!["-q", "-f", &path, "-C", name];
    args.extend(flags.split(' '));
    if !flags.contains("-N") {
        args.extend(["-N", ""]);
    }
    env.program("ssh-keygen", args.as_slice()).ok();
    path
}

/// Nothing of the build is left to be seen.
fn nothing_is_left(env: &TestEnv) {
    let left = fs::read_dir(env.runtime().join("ctr"))
        .into_iter()
        .flatten();
    let left: Vec<_> = left.flatten().map(|entry| entry.file_name()).collect();
    let of_builds = |name: &&std::ffi::OsString| name.to_string_lossy().starts_with("build-");
    assert_eq!(left.iter().find(of_builds), None);
    env.until(|| env.processes().is_empty());
}

fn an_agent_signs_with_the_keys(env: &TestEnv) {
    let keys = [
        key(env, "ed25519", "-t ed25519"),
        key(env, "p256", "-t ecdsa -b 256"),
        key(env, "p384", "-t ecdsa -b 384"),
        key(env, "rsa", "-t rsa -b 2048"),
        key(env, "rsa-pem", "-t rsa -b 2048 -m PEM"),
        key(env, "p256-pkcs8", "-t ecdsa -b 256 -m PKCS8"),
        key(env, "rsa-pkcs8", "-t rsa -b 2048 -m PKCS8"),
    ];
    // What git takes for ssh looks at the agent.
    let work = env.work().display().to_string();
    let script = format!(
        "#!/bin/sh\ncd {work}\nmkdir public signed\nmv *.pub public\nssh-add -L > listed 2>&1\n\
         for key in public/*; do\n\
         echo $key | ssh-keygen -q -Y sign -n test -f $key > signed/one &&\n\
         echo $key | ssh-keygen -Y check-novalidate -n test -s signed/one >> tested; done\n\
         ssh-add -D > emptied 2>&1\nexit 1\n"
    );
    env.executable("bin/ssh", &script);
    let flag = format!("--ssh=default={}", keys.join(","));
    let path = format!("{work}/bin:/usr/local/bin:/usr/bin:/bin");
    env.ctr(["build", &flag, "ssh://git@127.0.0.1/x.git"])
        .env("PATH", path)
        .run()
        .exits(1);
    let listed = fs::read_to_string(env.work().join("listed")).unwrap();
    let mut public = Vec::new();
    for key in &keys {
        let name = format!("public/{}.pub", key.rsplit('/').next().unwrap());
        public.push(fs::read_to_string(env.work().join(name)).unwrap());
    }
    for (line, public) in listed.lines().zip(&public) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[..2], public.split(' ').collect::<Vec<_>>()[..2]);
        assert!(public.trim_end().ends_with(words[2]), "{line}");
    }
    assert_eq!(listed.lines().count(), keys.len(), "{listed}");
    let tested = fs::read_to_string(env.work().join("tested")).unwrap();
    assert_eq!(
        tested.matches("Good \"test\" signature").count(),
        keys.len(),
        "{tested}"
    );
    // It cannot be changed.
    let emptied = fs::read_to_string(env.work().join("emptied")).unwrap();
    assert!(emptied.contains("Failed"), "{emptied}");
    nothing_is_left(env);
}

/// What the user has in `~/.ssh` is not for the servers of repositories that a Dockerfile names.
fn no_keys_but_the_agent_s(env: &TestEnv) {
    let work = env.work().display().to_string();
    let path = "/usr/local/bin:/usr/bin:/bin";
    let script = format!("#!/bin/sh\nPATH={path} exec ssh -G \"$@\" > {work}/options\n");
    env.executable("bin/ssh", &script);
    let key = key(env, "one", "-t ed25519");
    env.file(
        "context/Dockerfile",
        "FROM scratch\nADD git@127.0.0.1:x.git /\n",
    );
    for args in [
        vec!["build", "ssh://git@127.0.0.1/x.git"],
        vec!["build", "context"],
        vec!["build", &format!("--ssh=default={key}"), "context"],
    ] {
        let _ = fs::remove_file(env.work().join("options"));
        let build = env.ctr(&args[..]).env("PATH", format!("{work}/bin:{path}"));
        build.run().exits(1);
        let options = fs::read_to_string(env.work().join("options")).unwrap();
        let of = |name: &str| {
            let lines = options.lines().filter(|line| line.starts_with(name));
            lines.collect::<Vec<_>>()
        };
        assert_eq!(of("identityfile "), ["identityfile none"]);
        // Those of the agent are others than that one.
        assert_eq!(of("identitiesonly "), ["identitiesonly no"]);
        assert_eq!(of("certificatefile "), [""; 0]);
    }
}

fn commands_see_its_socket(env: &TestEnv) {
    env.image("busybox");
    let keys = [key(env, "one", "-t ed25519"), key(env, "two", "-t ed25519")];
    env.file(
        "context/Dockerfile",
        "FROM busybox\nUSER 1000\n\
         RUN --mount=type=ssh,uid=1000 --mount=type=ssh,id=b,target=/b test -S $SSH_AUTH_SOCK && test -S /b\n\
         RUN --mount=type=ssh,required=true true\n",
    );
    let dir = env.work().join("context").display().to_string();
    let flags = [
        format!("--ssh=default={}", keys[0]),
        format!("--ssh=b={}", keys[1]),
    ];
    env.ctr(["build", "--no-cache", &flags[0], &flags[1], &dir])
        .ok();
    nothing_is_left(env);
    // Also where the build fails, which does not wait for the other stage.
    env.file(
        "context/Dockerfile",
        "FROM busybox AS a\nRUN sleep 1000\nFROM busybox\nRUN --mount=type=ssh exit 3\nCOPY --from=a / /\n",
    );
    env.ctr(["build", &flags[0], &dir])
        .run()
        .exits(1)
        .stderr_has("exit code: 3");
    nothing_is_left(env);
}

fn keys_that_are_none_are_refused(env: &TestEnv) {
    env.file("context/Dockerfile", "FROM scratch\n");
    let dir = env.work().join("context").display().to_string();
    let locked = key(env, "locked", "-t ed25519 -N secret");
    let locked_pem = key(env, "locked-pem", "-t rsa -b 2048 -m PEM -N secret");
    let large = key(env, "p521", "-t ecdsa -b 521");
    let public = key(env, "good", "-t ed25519") + ".pub";
    for (path, words) in [
        (locked.as_str(), "locked: the key has a passphrase"),
        (&locked, "Hint: ssh-add "),
        (&locked_pem, "locked-pem: the key has a passphrase"),
        (&large, "a key of this kind is not supported"),
        (&public, "it is no private key in a format that is known"),
        ("/nonexistent", "/nonexistent: no such file or directory"),
        ("", "invalid empty ssh agent socket"),
    ] {
        let flag = format!("--ssh=default={path}");
        let refused = env.ctr(["build", &flag, &dir]).run().exits(1);
        refused.stderr_has(words);
    }
    env.ctr(["build", "--ssh", "default", &dir])
        .run()
        .exits(1)
        .stderr_has("make sure SSH_AUTH_SOCK is set");
    nothing_is_left(env);
}
