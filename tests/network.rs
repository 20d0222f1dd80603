//! Networks: none, host, another container's, and the default one that reaches out and publishes ports.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use crate::support::{Need, Scenario, TestEnv, outer_address, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let docker = [
        scenario!(none_has_loopback_only),
        scenario!(another_container_s_is_shared),
        scenario!(names_beyond_the_network_s),
    ]
    .map(|scenario| scenario.claimed_of_docker("docs.docker.com/engine/network/drivers"));
    let own = [
        scenario!(host_is_the_host_s),
        scenario!(without_a_helper_it_says_so),
    ];
    let user_mode = [
        scenario!(default_reaches_the_host_s_network).needs(Need::OuterAddress),
        scenario!(default_does_not_reach_the_host_s_loopback),
        scenario!(ports_are_published),
        scenario!(exposed_ports_are_published),
        scenario!(a_taken_port_is_refused),
        scenario!(ports_are_free_after_the_end),
    ]
    .map(|scenario| scenario.needs(Need::UserModeNetwork));
    docker
        .into_iter()
        .chain(own)
        .chain(user_mode)
        .map(|scenario| scenario.needs(Need::Busybox))
        .collect()
}

fn none_has_loopback_only(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --rm --network none busybox ls /sys/class/net")
        .ok()
        .stdout("lo\n");
    env.ctr("run --rm --network none busybox ping -c 1 127.0.0.1")
        .ok();
    env.ctr("run --rm --network none busybox nc -w 1 192.0.2.1 80")
        .run()
        .exits(1);
}

fn another_container_s_is_shared(env: &TestEnv) {
    env.image("busybox");
    env.ctr([
        "run",
        "-d",
        "--name",
        "web",
        "-h",
        "web",
        "--network",
        "none",
        "busybox",
        "httpd",
        "-f",
        "-h",
        "/etc",
    ])
    .ok();
    env.until(|| {
        env.ctr("run --rm --network container:web busybox wget -q -O - http://127.0.0.1/hostname")
            .run()
            .out()
            == "web\n"
    });
    env.ctr("run --rm --network container:nosuch busybox true")
        .run()
        .exits(125)
        .stderr_has("No such container: nosuch");
}

fn names_beyond_the_network_s(env: &TestEnv) {
    env.image("busybox");
    let flags = "--add-host a:192.0.2.1 --add-host b=[::1] --add-host g:host-gateway \
                 --dns 192.0.2.9 --dns-search x.example --dns-opt ndots:3 --dns-option rotate";
    env.ctr(format!(
        "create --name box --network none {flags} busybox cat /etc/hosts /etc/resolv.conf"
    ))
    .ok();
    let value = env.ctr("inspect box").ok().json();
    let host = &value[0]["HostConfig"];
    let kept = serde_json::json!(["a:192.0.2.1", "b:::1", "g:host-gateway"]);
    assert_eq!(host["ExtraHosts"], kept);
    assert_eq!(host["Dns"], serde_json::json!(["192.0.2.9"]));
    assert_eq!(host["DnsSearch"], serde_json::json!(["x.example"]));
    assert_eq!(host["DnsOptions"], serde_json::json!(["ndots:3", "rotate"]));
    for (flags, words) in [
        ("--add-host a", "bad format for add-host: \"a\""),
        ("--add-host a:b", "invalid IP address in add-host: \"b\""),
        ("--dns x", "is not a correctly formatted IP address"),
        ("--dns-search 1", "1 is not a valid domain"),
    ] {
        let refused = env.ctr(format!("create {flags} busybox")).run().exits(125);
        refused.stdout("").stderr_has(words);
    }
    if outer_address().is_none() && !env.is_peer() {
        // There is nothing that `host-gateway` could be.
        env.ctr("start -a box").run().exits(1);
        return;
    }
    // Twice: the files are made anew.
    for _ in 0..2 {
        let seen = env.ctr("start -a box").ok().out();
        assert!(seen.contains("\n192.0.2.1\ta\n::1\tb\n"), "{seen}");
        assert!(seen.contains("\tg\n"), "{seen}");
        assert!(seen.contains("nameserver 192.0.2.9\n"), "{seen}");
        assert!(seen.contains("search x.example\n"), "{seen}");
        assert!(seen.contains("options ndots:3 rotate\n"), "{seen}");
    }
}

/// The namespace in which the scenario itself runs.
fn own_namespace() -> String {
    std::fs::read_link("/proc/self/ns/net")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

fn host_is_the_host_s(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run --rm --network host busybox readlink /proc/self/ns/net")
        .ok()
        .stdout(&format!("{}\n", own_namespace()));
    // Its name is the host's as well.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    env.ctr("run --rm --network host busybox hostname")
        .ok()
        .stdout(&name);
}

fn without_a_helper_it_says_so(env: &TestEnv) {
    env.image("busybox");
    // The helpers for ids stay, those for the network are not found.
    let directory = env.work().join("bin");
    std::fs::create_dir(&directory).unwrap();
    for program in ["newuidmap", "newgidmap"] {
        let _ = std::os::unix::fs::symlink(format!("/usr/bin/{program}"), directory.join(program));
    }
    let finished = env
        .ctr("run --rm busybox ls /sys/class/net")
        .env("PATH", &directory)
        .ok()
        .stdout("lo\n");
    let warning = finished.err();
    assert!(
        warning.lines().count() == 1 && warning.contains("passt"),
        "{finished}"
    );
}

/// Answers one HTTP request with `hello`.
fn serve_once(address: IpAddr) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        if let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n");
        }
    });
    port
}

fn default_reaches_the_host_s_network(env: &TestEnv) {
    env.image("busybox");
    let interfaces = env
        .ctr("run --rm busybox ls /sys/class/net")
        .ok()
        .stderr("")
        .lines();
    assert_eq!(interfaces.len(), 2, "{interfaces:?}");
    let address = outer_address().unwrap();
    let port = serve_once(address);
    env.ctr(format!(
        "run --rm busybox wget -q -O - http://{address}:{port}/"
    ))
    .ok()
    .stdout("hello\n");
}

fn default_does_not_reach_the_host_s_loopback(env: &TestEnv) {
    env.image("busybox");
    let port = serve_once(Ipv4Addr::LOCALHOST.into());
    // Behind pasta the gateway is an address like any other, which the host's network may leave without an answer.
    // Not wget's own -T, on which Debian's static busybox crashes.
    for address in ["127.0.0.1", "10.0.2.2"] {
        let finished = env
            .ctr(format!(
                "run --rm --init busybox timeout 3 wget -q -O - http://{address}:{port}/"
            ))
            .run();
        assert!(
            finished.code() != 0 && finished.out().is_empty(),
            "{finished}"
        );
    }
}

/// What an HTTP server on the host's loopback answers, if there is one.
fn get(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    // Asked again by those who wait for it.
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(b"GET /hostname HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn ports_are_published(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run -d --name web -h published -p 127.0.0.1::80 busybox httpd -f -h /etc")
        .ok();
    let template = "{{with (index (index .NetworkSettings.Ports \"80/tcp\") 0)}}{{.HostIp}} {{.HostPort}}{{end}}";
    let line = env.ctr(["inspect", "-f", template, "web"]).ok().line();
    let port: u16 = line.strip_prefix("127.0.0.1 ").unwrap().parse().unwrap();
    env.ctr(["ps", "--format", "{{.Ports}}"])
        .ok()
        .stdout(&format!("127.0.0.1:{port}->80/tcp\n"));
    env.ctr("port web")
        .ok()
        .stdout(&format!("80/tcp -> 127.0.0.1:{port}\n"));
    for private in ["80", "80/tcp"] {
        env.ctr(["container", "port", "web", private])
            .ok()
            .stdout(&format!("127.0.0.1:{port}\n"));
    }
    for private in ["80/udp", "81"] {
        env.ctr(["port", "web", private])
            .run()
            .exits(1)
            .stdout("")
            .stderr_has(&format!("No public port '{private}' published for web"));
    }
    env.ctr("port web http")
        .run()
        .exits(1)
        .stderr_has("invalid port (http)");
    env.until(|| get(port).is_ok_and(|answer| answer.ends_with("published\n")));
    env.ctr("stop -t 0 web").ok();
    env.ctr("port web").ok().stdout("");
}

fn exposed_ports_are_published(env: &TestEnv) {
    env.image("busybox");
    let flags = "--expose 80 --expose 7000-7001/udp";
    env.ctr(format!("run -d --name shut {flags} busybox sleep 1000"))
        .ok();
    env.ctr(["ps", "--format", "{{.Ports}}"])
        .ok()
        .stdout("80/tcp, 7000-7001/udp\n");
    let httpd = "busybox httpd -f -h /etc";
    env.ctr(format!(
        "run -d --name web -h exposed -P {flags} -p 127.0.0.1::81 {httpd}"
    ))
    .ok();
    let inspected = env.ctr("inspect web").ok().json()[0].clone();
    assert_eq!(inspected["HostConfig"]["PublishAllPorts"], true);
    let exposed = serde_json::json!({"80/tcp": {}, "81/tcp": {}, "7000/udp": {}, "7001/udp": {}});
    assert_eq!(inspected["Config"]["ExposedPorts"], exposed);
    let bindings = serde_json::json!({"81/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]});
    assert_eq!(inspected["HostConfig"]["PortBindings"], bindings);
    // Each has a port of its own, and what is published anyway is published once.
    let line = |private: &str| env.ctr(["port", "web", private]).ok().lines().remove(0);
    for private in ["7000/udp", "7001/udp"] {
        assert!(line(private).starts_with("0.0.0.0:"), "{private}");
    }
    assert_eq!(env.ctr("port web 81").ok().lines().len(), 1);
    let port: u16 = line("80")
        .strip_prefix("0.0.0.0:")
        .unwrap()
        .parse()
        .unwrap();
    env.until(|| get(port).is_ok_and(|answer| answer.ends_with("exposed\n")));
    // With the next start, too.
    env.ctr("restart -t 0 web").ok();
    let port: u16 = line("80")
        .strip_prefix("0.0.0.0:")
        .unwrap()
        .parse()
        .unwrap();
    env.until(|| get(port).is_ok_and(|answer| answer.ends_with("exposed\n")));
    for (flag, words) in [
        ("--expose 1:80", "invalid port format for --expose: 1:80"),
        ("--expose 9-8", "invalid range format for --expose: 9-8"),
        (
            "--network container:web --expose 80",
            "conflicting options: port exposing and the container type network mode",
        ),
        (
            "--network container:web -P",
            "conflicting options: port publishing and the container type network mode",
        ),
    ] {
        env.ctr(format!("run --rm {flag} busybox true"))
            .run()
            .exits(125)
            .stderr_has(words);
    }
}

fn a_taken_port_is_refused(env: &TestEnv) {
    env.image("busybox");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused = env
        .ctr(format!("run --rm -p 127.0.0.1:{port}:80 busybox true"))
        .run()
        .exits(125)
        .stdout("")
        .stderr_has(&port.to_string())
        .stderr_has("address already in use");
    if !env.is_peer() {
        // It is the monitor that finds out, and the client that has the hint.
        refused.stderr_has("Hint: choose another host port with -p");
    }
    env.ctr("ps -aq").ok().stdout("");
}

/// A free port that the kernel gives to nobody who asks for any, so that nobody else takes it meanwhile.
fn unassigned_port() -> u16 {
    let path = "/proc/sys/net/ipv4/ip_local_port_range";
    let range = std::fs::read_to_string(path).unwrap();
    let mut assigned = range.split_whitespace().map(|port| port.parse().unwrap());
    let (first, last): (u16, u16) = (assigned.next().unwrap(), assigned.next().unwrap());
    // Each asks for another one first.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id() as u16;
    let mut ports = std::iter::repeat_with(|| {
        let number = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        10_000 + number % 50_000
    });
    let is_free = |port: &u16| {
        !(first..=last).contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
    };
    ports.find(is_free).unwrap()
}

fn ports_are_free_after_the_end(env: &TestEnv) {
    env.image("busybox");
    let port = unassigned_port();
    for _ in 0..2 {
        env.ctr(format!(
            "run -d --name web -h again -p 127.0.0.1:{port}:80 busybox httpd -f -h /etc"
        ))
        .ok();
        env.until(|| get(port).is_ok_and(|answer| answer.ends_with("again\n")));
        env.ctr("rm -f web").ok();
        env.until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    }
}
