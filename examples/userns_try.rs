fn settings() -> ctr::settings::Settings {
    let uid = rustix::process::getuid().as_raw();
    ctr::settings::Settings {
        data_dir: "/tmp".into(),
        run_dir: "/tmp".into(),
        config_dir: "/tmp".into(),
        docker_config_dir: "/tmp".into(),
        auth_files: vec![],
        proxies: vec![],
        path: std::env::var("PATH").unwrap(),
        user_name: match uid {
            0 => "root",
            1000 => "dev",
            _ => "nosub",
        }
        .into(),
        uid,
        gid: rustix::process::getgid().as_raw(),
    }
}
fn main() {
    let s = settings();
    let map = ctr::userns::IdMap::detect(&s).unwrap();
    println!("{map:?}");
    ctr::userns::enter(&map, &s).unwrap();
    println!("{}", std::fs::read_to_string("/proc/self/uid_map").unwrap());
    std::process::Command::new("id").status().unwrap();
    let f = std::fs::File::open("/proc/self/ns/user").unwrap();
    use std::os::fd::AsFd;
    println!("{:?}", ctr::userns::run_joined(f.as_fd(), || 7));
}
