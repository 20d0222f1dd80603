//! `build` against Dockerfiles, contexts and images that mean harm, or ask for what hardly anybody does.

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(mounts_do_not_share_a_place),
        scenario!(what_a_step_is_given_tells_it_from_others),
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
    env.ctr(&format!("run --rm {name} cat /r")).ok().out()
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
    env.ctr(&format!(
        "build -q -t places --secret id=a,env=A --secret id=b,env=B {dir}"
    ))
    .env("A", "secret a\n")
    .env("B", "secret b\n")
    .ok();
    assert_eq!(result(env, "places"), "secret a\nsecret b\nfx\nfy\nx\ny\n");
}

/// Everything that a command can see decides whether the cache's result is the one it would have.
fn what_a_step_is_given_tells_it_from_others(env: &TestEnv) {
    env.image("busybox");
    let build = |text: &str, flags: &str| {
        let dir = dockerfile(env, text);
        env.ctr(&format!(
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
