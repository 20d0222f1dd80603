//! Expressions seen in the wild and in Go's own tests. What Docker's command line 28.2 printed for them was written down.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::{Object, Plain, Schema, Shape, Template, Value};

#[derive(Debug)]
struct Docker;

impl Schema for Docker {
    fn shape(&self, name: &str, _: &Json) -> Shape {
        match name {
            "Labels" | "Ports" | "Networks" | "Data" => Shape::Map,
            "Cmd" | "Entrypoint" | "CapAdd" | "RepoTags" => Shape::List,
            _ => Shape::Struct,
        }
    }

    fn is_optional(&self, name: &str) -> bool {
        matches!(name, "Health" | "Healthcheck")
    }
}

fn container() -> Json {
    json!({
        "Id": "6240dae8823050f9cc106df065e3229e0f930a2ab51bc6a3235561ecf10d5a23",
        "Name": "/web",
        "Created": "2026-11-21T02:15:55.88002108Z",
        "Args": ["-c", "x y"],
        "Image": "sha256:8be6ba638ff989c5b772e1046dc6506de6402ab0607cf5a4037483d17ce551a4",
        "State": {"Status": "running", "Running": true, "Pid": 27678, "ExitCode": 0, "Error": ""},
        "Config": {"Image": "img:1", "Hostname": "6240dae88230", "Env": ["A=B", "C=<d>"], "Cmd": ["sleep", "1"],
            "Entrypoint": null, "Labels": {"z": "1", "com.x": "<2>"}},
        "HostConfig": {"CapAdd": null, "Memory": 0, "CpuShares": 1.5},
        "GraphDriver": {"Name": "overlay", "Data": {"UpperDir": "/u", "MergedDir": "/m"}},
        "Mounts": [{"Type": "bind", "Source": "/tmp", "Destination": "/host", "RW": false}],
        "NetworkSettings": {
            "Networks": {"bridge": {"IPAddress": "10.0.0.2"}},
            "Ports": {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "80"}], "9/udp": null}}
    })
}

fn run_on(template: &str, data: &Json, schema: &dyn Schema) -> Result<String, String> {
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    template
        .execute(Value::Json(Cow::Borrowed(data), Shape::Struct), schema)
        .map_err(|interrupted| interrupted.error.to_string())
}

fn run(template: &str) -> Result<String, String> {
    run_on(template, &container(), &Docker)
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (template, expected) in cases {
        assert_eq!(run(template).as_deref(), Ok(*expected), "{template}");
    }
}

#[test]
fn prints_what_scripts_ask_for() {
    check(&[
        ("{{.State.Running}}", "true"),
        ("{{.State.ExitCode}}", "0"),
        ("{{.State.Pid}}", "27678"),
        ("{{json .Config.Env}}", r#"["A=B","C=<d>"]"#),
        (
            "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
            "10.0.0.2",
        ),
        (
            r#"{{(index (index .NetworkSettings.Ports "8080/tcp") 0).HostPort}}"#,
            "80",
        ),
        (
            r#"{{with (index (index .NetworkSettings.Ports "8080/tcp") 0)}}{{printf "%s\t%s" .HostIp .HostPort}}{{end}}"#,
            "0.0.0.0\t80",
        ),
        (r#"{{index .Config.Labels "z"}}"#, "1"),
        (r#"{{index .Config.Labels "none"}}|"#, "|"),
        (r#"{{.Config.Labels.none}}"#, "<no value>"),
        (
            "{{range $k,$v := .Config.Labels}}{{$k}}={{$v}}{{println}}{{end}}",
            "com.x=<2>\nz=1\n",
        ),
        (
            "{{.Config.Hostname}}|{{.Name}}|{{json .Created}}",
            "6240dae88230|/web|\"2026-11-21T02:15:55.88002108Z\"",
        ),
        ("{{.Mounts}}", "[{bind /tmp /host false}]"),
        ("{{.GraphDriver.Data.MergedDir}}", "/m"),
        ("{{.Config.Labels}}", "map[com.x:<2> z:1]"),
        (
            "{{.GraphDriver}}",
            "{overlay map[MergedDir:/m UpperDir:/u]}",
        ),
        (
            "{{.Config.Healthcheck}} {{.HostConfig.CapAdd}} {{.Config.Entrypoint}}",
            "<nil> [] []",
        ),
        ("{{len .Config.Cmd}} {{len .Config.Entrypoint}}", "2 0"),
        (
            "{{json .HostConfig}}",
            r#"{"CapAdd":null,"Memory":0,"CpuShares":1.5}"#,
        ),
        ("{{if .Config.Labels}}a{{else}}b{{end}}", "a"),
        (
            r#"{{range $p, $c := .NetworkSettings.Ports}}{{$p}} {{range $c}}{{.HostPort}}{{end}};{{end}}"#,
            "8080/tcp 80;9/udp ;",
        ),
    ]);
}

#[test]
fn has_the_language() {
    check(&[
        ("a {{- 1 -}} b", "a1b"),
        ("a{{/* no */}}b {{- /* no */ -}} c", "abc"),
        ("{{`raw \"`}} {{\"\\u00e9\\t\"}}{{'a'}}", "raw \" é\t97"),
        ("{{$x := 3}}{{$x = 4}}{{$x}}", "4"),
        (
            "{{range $i, $e := .Args}}{{$i}}={{$e}},{{else}}none{{end}}",
            "0=-c,1=x y,",
        ),
        ("{{range .Config.Entrypoint}}x{{else}}none{{end}}", "none"),
        ("{{range 3}}{{.}}{{end}}", "012"),
        (
            "{{range $i, $_ := .Args}}{{if $i}}{{break}}{{end}}{{$i}}{{end}}",
            "0",
        ),
        (
            "{{range .Args}}{{if eq . \"-c\"}}{{continue}}{{end}}{{.}}{{end}}",
            "x y",
        ),
        ("{{if false}}a{{else if true}}b{{else}}c{{end}}", "b"),
        (
            "{{with false}}a{{else with .Name}}{{.}}{{else}}c{{end}}",
            "/web",
        ),
        (
            "{{define \"t\"}}<{{.}}>{{end}}{{template \"t\" .Name}}{{block \"u\" 3}}[{{.}}]{{end}}",
            "</web>[3]",
        ),
        (
            "{{and 1 0}} {{and true 2}} {{or 0 \"x\"}} {{not true}} {{0 | and 1}}",
            "0 2 x false 0",
        ),
        ("{{or true (index .Args 9)}}", "true"),
        (
            "{{eq 1 2 1}} {{ne 1 2}} {{lt 1 2}} {{ge \"b\" \"a\"}} {{eq .Name \"/web\"}}",
            "true true true true true",
        ),
        (
            "{{slice \"abcdef\" 1 3}} {{slice .Args 0 1}} {{index \"abc\" 0}}",
            "bc [-c] 97",
        ),
        (
            "{{html \"<a>\"}} {{js `\"x`}} {{urlquery \"a b&\"}}",
            "&lt;a&gt; \\\"x a+b%26",
        ),
        (
            "{{print 1 2 \"a\" \"b\" 3}}|{{println 1 \"a\"}}",
            "1 2ab3|1 a\n",
        ),
        (
            "{{1.5}} {{1e3}} {{0x10}} {{07}} {{-3}} {{1_000}}",
            "1.5 1000 16 7 -3 1000",
        ),
        ("{{.Name | printf \"%-6s|\"}}", "/web  |"),
        ("{{$}}{{$.Name}}", &format!("{}/web", run("{{.}}").unwrap())),
        ("{{ .Name\n }}", "/web"),
        ("{{(.Name)}} {{(len .Args) | printf \"%03d\"}}", "/web 002"),
        ("{{(index .Mounts 0).Source}}", "/tmp"),
    ]);
}

#[test]
fn has_dockers_functions() {
    check(&[
        (
            r#"{{join .Args ","}} {{title "ab cd"}} {{pad "x" 2 3}}| {{truncate "abcdef" 3}}"#,
            "-c,x y Ab Cd   x   | abc",
        ),
        (
            r#"{{split "a,b" ","}} {{lower "AB"}} {{upper "ab"}} {{.Name | upper}}"#,
            "[a b] ab AB /WEB",
        ),
        (r#"{{json "<x>"}}"#, r#""<x>""#),
    ]);
}

#[test]
fn formats_as_go() {
    check(&[
        (
            r#"{{printf "%d %s %v %q %5.2f" 3 4 true .Name 1.5}}"#,
            r#"3 %!s(int=4) true "/web"  1.50"#,
        ),
        (
            r#"{{printf "%6.2f|%-6d|%06d|%+d|%#x|%t|%c|%U" 3.14159 5 5 5 255 true 65 65}}"#,
            "  3.14|5     |000005|+5|0xff|true|A|U+0041",
        ),
        (
            r#"{{printf "%d" "x"}} {{printf "%d"}} {{printf "x" 1}} {{printf "%!"}} {{printf "%x" "hi"}}"#,
            "%!d(string=x) %!d(MISSING) x%!(EXTRA int=1) %!!(MISSING) 6869",
        ),
        (
            r#"{{printf "%s|%8s|%-8s|%.2s|%%|%*d" "a" "b" "c" "def" 4 7}}"#,
            "a|       b|c       |de|%|   7",
        ),
        (
            r#"{{printf "%v %T %T %T" .Args 1 "x" .Args}}"#,
            "[-c x y] int string []string",
        ),
        (
            r#"{{printf "%q %s" .Args .Args}}"#,
            r#"["-c" "x y"] [-c x y]"#,
        ),
        (
            r#"{{printf "%e %g %.3g" 1234.5678 1e21 1234.5678}}"#,
            "1.234568e+03 1e+21 1.23e+03",
        ),
        (
            r#"{{printf "%08.3f|%+.1e|% d|%x|%X|%o|%b" 3.14159 12345.678 7 255 255 8 5}}"#,
            "0003.142|+1.2e+04| 7|ff|FF|10|101",
        ),
    ]);
}

#[test]
fn complains_as_go() {
    for (template, expected) in [
        (
            "{{.NoSuch}}",
            r#"template: :1:2: executing "" at <.NoSuch>: map has no entry for key "NoSuch""#,
        ),
        (
            "{{.State.Health.Status}}",
            r#"template: :1:8: executing "" at <.State.Health.Status>: map has no entry for key "Health""#,
        ),
        (
            "{{.Name.Foo}}",
            r#"template: :1:7: executing "" at <.Name.Foo>: can't evaluate field Foo in type interface {}"#,
        ),
        (
            "{{index .Config.Cmd 7}}",
            r#"template: :1:2: executing "" at <index .Config.Cmd 7>: error calling index: index out of range: 7"#,
        ),
        (
            "{{index .Config.Labels 1}}",
            r#"template: :1:2: executing "" at <index .Config.Labels 1>: error calling index: value has type int; should be string"#,
        ),
        (
            "{{.Name \"x\"}}",
            r#"template: :1:2: executing "" at <.Name>: Name is not a method but has arguments"#,
        ),
        (
            "{{if eq .State.Running \"x\"}}a{{end}}",
            r#"template: :1:5: executing "" at <eq .State.Running "x">: error calling eq: incompatible types for comparison"#,
        ),
        (
            "{{3 .A}}",
            r#"template: :1:2: executing "" at <3>: can't give argument to non-function 3"#,
        ),
        (
            "{{upper 3}}",
            r#"template: :1:8: executing "" at <3>: expected string; found 3"#,
        ),
        (
            "{{call 3}}",
            r#"template: :1:2: executing "" at <call 3>: error calling call: non-function 3 of type int"#,
        ),
        (
            "{{nil}}",
            r#"template: :1:2: executing "" at <nil>: nil is not a command"#,
        ),
        (
            "{{template \"x\"}}",
            r#"template: :1:11: executing "" at <{{template "x"}}>: template "x" not defined"#,
        ),
        ("{{if}}", "template: :1: missing value for if"),
        ("{{end}}", "template: :1: unexpected {{end}}"),
        ("{{range .Args}}", "template: :1: unexpected EOF"),
        ("{{$x}}", "template: :1: undefined variable \"$x\""),
        ("{{", "template: :1: unclosed action"),
        ("{{.Foo", "template: :1: unclosed action"),
        ("{{\"a", "template: :1: unterminated quoted string"),
        ("{{break}}", "template: :1: {{break}} outside {{range}}"),
        (
            "{{nofunc}}",
            "template: :1: function \"nofunc\" not defined",
        ),
        ("\n{{(1}}", "template: :2: unclosed left paren"),
        ("{{/* x}}", "template: :1: unclosed comment"),
    ] {
        assert_eq!(run(template).unwrap_err(), expected, "{template}");
    }
}

#[test]
fn stays_within_its_bounds() {
    let deep = "{{".to_owned() + &"(".repeat(501) + "1" + &")".repeat(501) + "}}";
    assert!(run(&deep).unwrap_err().contains("depth"));
    let ifs = "{{if 1}}".repeat(500) + &"{{end}}".repeat(500);
    assert!(run(&ifs).unwrap_err().contains("depth"));
    let recursive = r#"{{define "a"}}{{template "a"}}{{end}}{{template "a"}}"#;
    assert!(
        run(recursive)
            .unwrap_err()
            .contains("maximum template depth")
    );
    assert!(
        run("{{range 9999}}{{range 9999}}{{end}}{{end}}")
            .unwrap_err()
            .contains("too much work")
    );
    assert_eq!(run(r#"{{printf "%99999999d" 1}}"#).unwrap().len(), 1);
}

#[derive(Debug)]
struct Row;

impl Object for Row {
    fn type_name(&self) -> &'static str {
        "*formatter.ContainerContext"
    }

    fn fields(&self) -> &'static [&'static str] {
        &["ID", "Names"]
    }

    fn field(&self, name: &str) -> Option<Json> {
        match name {
            "ID" => Some("1".into()),
            "Names" => Some("<web>".into()),
            _ => None,
        }
    }

    fn method(&self, name: &str, argument: &str) -> Option<String> {
        (name == "Label").then(|| format!("[{argument}]"))
    }
}

#[test]
fn serves_rows() {
    let row = |text: &str| {
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        template
            .execute(Value::Object(&Row), &Plain)
            .map_err(|i| i.error.to_string())
    };
    assert_eq!(
        row("{{json .}}").unwrap(),
        "{\"ID\":\"1\",\"Names\":\"\\u003cweb\\u003e\"}"
    );
    assert_eq!(
        row("{{.Label \"x\"}} {{\"y\" | .Label}} {{.Names}}").unwrap(),
        "[x] [y] <web>"
    );
    assert_eq!(
        row("{{.NoSuch}}").unwrap_err(),
        "template: :1:2: executing \"\" at <.NoSuch>: can't evaluate field NoSuch in type *formatter.ContainerContext"
    );
}

/// Another engine for the same language, asked where both agree on Go's ways.
#[test]
fn agrees_with_another_engine() {
    for template in [
        "{{.Name}} {{.State.Running}} {{len .Args}}",
        "{{range $i, $e := .Args}}{{$i}}={{$e}} {{end}}",
        "{{if and .State.Running (eq .State.ExitCode 0)}}yes{{else}}no{{end}}",
        "{{with .State}}{{.Status}}{{end}}",
        "{{printf \"%s-%d-%q\" .Name 5 \"x\"}}",
        "a {{- /* c */ -}} b {{- .Name -}} c",
        "{{index .Config.Labels \"z\"}} {{(index .Mounts 0).Source}}",
        "{{define \"t\"}}[{{.}}]{{end}}{{template \"t\" .Name}}",
        "{{range .Args}}{{if eq . \"-c\"}}{{continue}}{{end}}{{.}}{{end}}",
        "{{not .State.Running}} {{or \"\" \"b\"}} {{lt 1 2}} {{ge 2 2}}",
    ] {
        let data: gtmpl_ng::Value = oracle_value(&container());
        let expected = gtmpl_ng::template(template, data).expect(template);
        assert_eq!(
            run(template).as_deref(),
            Ok(expected.as_str()),
            "{template}"
        );
    }
}

fn oracle_value(json: &Json) -> gtmpl_ng::Value {
    match json {
        Json::Null => gtmpl_ng::Value::Nil,
        Json::Bool(value) => gtmpl_ng::Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => gtmpl_ng::Value::from(integer),
            None => gtmpl_ng::Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => gtmpl_ng::Value::String(text.clone()),
        Json::Array(items) => gtmpl_ng::Value::Array(items.iter().map(oracle_value).collect()),
        Json::Object(map) => gtmpl_ng::Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), oracle_value(value)))
                .collect(),
        ),
    }
}
