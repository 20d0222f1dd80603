//! Runs the fuzz targets over good input and thousands of mutations of it: the same ones each time.

use std::io::Write;

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "public in the crate it comes from")]
mod targets;

/// Marsaglia's xorshift: the same sequence each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Flips, cuts, doubles and overwrites.
fn mutate(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(data.len());
        match random.below(6) {
            0 if !data.is_empty() => data[at] ^= 1 << random.below(8),
            1 if !data.is_empty() => data[at] = random.below(256) as u8,
            2 => data.truncate(at),
            3 => {
                let end = at + random.below(data.len() - at + 1);
                let piece = data[at..end].to_vec();
                data.splice(at..at, piece);
            }
            4 => {
                let end = at + random.below(data.len() - at + 1);
                data.drain(at..end);
            }
            _ => {
                let words: [&[u8]; 8] = [
                    b"..",
                    b"/",
                    b"\0",
                    b".wh.",
                    b"99999999999",
                    b"null",
                    b"\xff",
                    b"-1",
                ];
                let word = words[random.below(words.len())];
                let end = (at + word.len()).min(data.len());
                data.splice(at..end, word.iter().copied());
            }
        }
    }
    data
}

fn replay(target: fn(&[u8]), seeds: &[Vec<u8>], rounds: usize) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for seed in seeds {
        target(seed);
        for _ in 0..rounds {
            target(&mutate(seed, &mut random));
        }
    }
}

#[test]
fn references() {
    let seeds = [
        "alpine",
        "docker.io/library/alpine:3.20",
        "localhost:5000/a/b_c/d--e:tag@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "[::1]:5000/x",
        "linux/arm/v7",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ];
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|s| s.as_bytes().to_vec()).collect();
    replay(targets::reference, &seeds, 2000);
}

#[test]
fn manifests_and_configs() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let seeds = [
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","digest":"{digest}","size":3,"annotations":{{"a":"b"}}}}]}}"#
        ),
        format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","digest":"{digest}","size":2,"platform":{{"os":"linux","architecture":"arm","variant":"v7"}}}}]}}"#
        ),
        format!(
            r#"{{"architecture":"arm64","variant":"v8","os":"linux","created":"2024-01-01T00:00:00Z","config":{{"Env":["A=1","B"],"Cmd":["x"],"ExposedPorts":{{"80/tcp":{{}}}},"Healthcheck":{{"Test":["NONE"],"Interval":1}},"Labels":null}},"rootfs":{{"type":"layers","diff_ids":["{digest}"]}},"history":[{{"created_by":"x","empty_layer":true}}],"x":[1,{{"y":2.5}}]}}"#
        ),
        format!("[{}", "[".repeat(100_000)),
        format!(r#"{{"config":{}"#, r#"{"config":"#.repeat(10_000)),
    ];
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(String::into_bytes).collect();
    replay(targets::manifest, &seeds[..3], 2000);
    replay(targets::manifest, &seeds[3..], 3);
}

/// A layer with one of everything.
fn seed_layer() -> Vec<u8> {
    let mut tar = Vec::new();
    let mut add = |kind: u8, path: &str, link: &str, data: &[u8]| {
        let mut header = tar::Header::new_gnu();
        let bytes = header.as_mut_bytes();
        bytes[..path.len()].copy_from_slice(path.as_bytes());
        bytes[157..157 + link.len()].copy_from_slice(link.as_bytes());
        bytes[156] = kind;
        header.set_mode(0o755);
        header.set_uid(1000);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(data.len() as u64);
        header.set_cksum();
        tar.write_all(header.as_bytes()).unwrap();
        tar.write_all(data).unwrap();
        tar.resize(tar.len().next_multiple_of(512), 0);
    };
    add(b'5', "d/", "", b"");
    add(b'0', "d/f", "", b"content");
    add(b'1', "d/g", "d/f", b"");
    add(b'2', "l", "d", b"");
    add(b'6', "p", "", b"");
    add(b'3', "c", "", b"");
    add(
        b'x',
        "pax",
        "",
        b"31 SCHILY.xattr.user.x=a\nb\nc\nd\n19 mtime=-1.500000\n",
    );
    add(b'0', "x", "", b"");
    add(b'0', "d/.wh..wh..opq", "", b"");
    add(b'0', ".wh.gone", "", b"");
    add(b'L', "long", "", &[b'n'; 150]);
    add(b'0', "n", "", b"long");
    add(
        b'x',
        "pax",
        "",
        b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n28 GNU.sparse.realsize=4096\n",
    );
    let mut sparse = b"1\n4093\n3\n".to_vec();
    sparse.resize(512, 0);
    sparse.extend_from_slice(b"end");
    add(b'0', "s", "", &sparse);
    add(b'5', "e/e/e", "", b"");
    add(b'0', "d", "", b"replaced");
    tar.extend_from_slice(&[0; 1024]);
    tar
}

/// Gives every header the checksum it should have, so that mutations get further than to the first check.
fn mend_checksums(data: &mut [u8]) {
    for block in data.chunks_exact_mut(512) {
        if block.iter().all(|b| *b == 0) {
            continue;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

#[test]
fn layers() {
    let seed = seed_layer();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&seed).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&*seed, 1).unwrap();
    replay(targets::layer, &[seed, gzip, zstd], 60);
    let mended = |data: &[u8]| {
        let mut data = data.to_vec();
        mend_checksums(&mut data);
        targets::layer(&data);
    };
    let mut random = Random(1);
    let seed = seed_layer();
    for _ in 0..400 {
        mended(&mutate(&seed, &mut random));
    }
}

/// An archive as Docker wrote them before it wrote layouts, and one with a layout as well.
fn seed_archives() -> [Vec<u8>; 2] {
    let layer = seed_layer();
    let hex = |bytes: &[u8]| crate::content::Digest::sha256_of(bytes).hex().to_owned();
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#,
        hex(&layer)
    );
    let docker = r#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l/layer.tar"]}]"#;
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:{}","size":{}}}]}}"#,
        hex(config.as_bytes()),
        config.len(),
        hex(&layer),
        layer.len()
    );
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{}","size":{},"annotations":{{"io.containerd.image.name":"docker.io/library/a:1"}}}}]}}"#,
        hex(manifest.as_bytes()),
        manifest.len()
    );
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", hex(bytes));
    let pack = |files: &[(&str, &[u8])]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    };
    let old = pack(&[
        ("manifest.json", docker.as_bytes()),
        ("c.json", config.as_bytes()),
        ("l/layer.tar", &layer),
    ]);
    let layout = pack(&[
        ("index.json", index.as_bytes()),
        (&blob(manifest.as_bytes()), manifest.as_bytes()),
        (&blob(config.as_bytes()), config.as_bytes()),
        (&blob(&layer), &layer),
    ]);
    [old, layout]
}

#[test]
fn archives() {
    let seeds = seed_archives();
    assert!(seeds.iter().all(|seed| targets::loads(seed)));
    replay(targets::archive, &seeds, 30);
    let mut random = Random(1);
    for seed in &seeds {
        for _ in 0..30 {
            let mut data = mutate(seed, &mut random);
            mend_checksums(&mut data);
            targets::archive(&data);
        }
    }
}
