//! BuildKit's cases (`dockerfile_check_test.go`), re-created.

use super::super::dockerfile::parse;
use super::*;

/// What a file is checked with.
#[derive(Default)]
struct Case<'a> {
    build_args: &'a [(&'a str, &'a str)],
    ignore: Option<&'a str>,
    options: Option<&'a str>,
    stages: Option<BTreeSet<usize>>,
}

impl Case<'_> {
    fn report(&self, text: &str) -> Report {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        let platform_args = [
            ("TARGETPLATFORM", "linux/amd64"),
            ("BUILDPLATFORM", "linux/amd64"),
        ];
        let ignore = self.ignore.map(|text| Ignore::parse(text).unwrap());
        let input = Input {
            build_args: &self.build_args.iter().map(owned).collect(),
            platform_args: &platform_args.iter().map(owned).collect(),
            options: self.options,
            ignore: ignore.as_ref(),
            image_variables: &|image| (image != "unknown").then(|| vec!["FROM_BASE".to_owned()]),
            target: &Platform::new("linux", "amd64", None),
            image_platform: &|image, _| {
                (image == "foreign").then(|| Platform::new("linux", "arm64", None))
            },
            stages: self.stages.as_ref(),
        };
        check(&parse(text.as_bytes()).unwrap(), &input).unwrap()
    }

    /// `Rule line: detail`, each.
    fn found(&self, text: &str) -> Vec<String> {
        let report = self.report(text);
        assert_eq!(report.failed, None, "{text}");
        let line = |w: &Warning| format!("{} {}: {}", w.rule.name(), w.span.first, w.detail);
        report.warnings.iter().map(line).collect()
    }
}

fn found(text: &str) -> Vec<String> {
    Case::default().found(text)
}

const NONE: [&str; 0] = [];

#[test]
fn casing() {
    assert_eq!(
        found("FROM scratch AS BadName\nFROM scratch as b2\n"),
        [
            "StageNameCasing 1: Stage name 'BadName' should be lowercase",
            "FromAsCasing 2: 'as' and 'FROM' keywords' casing do not match",
        ]
    );
    for (text, wanted) in [
        (
            "From scratch as a\nFROM scratch AS b\n",
            "ConsistentInstructionCasing 1: Command 'From' should match the case of the command majority (uppercase)",
        ),
        (
            "FROM scratch\ncopy x /a\nCOPY x /b\n",
            "ConsistentInstructionCasing 2: Command 'copy' should match the case of the command majority (uppercase)",
        ),
        (
            "frOM scratch as a\nfrom scratch as b\n",
            "ConsistentInstructionCasing 1: Command 'frOM' should match the case of the command majority (lowercase)",
        ),
        (
            "from scratch\nCOPY x /a\ncopy x /b\n",
            "ConsistentInstructionCasing 2: Command 'COPY' should match the case of the command majority (lowercase)",
        ),
        (
            "FROM scratch\ncopy x /a\ncopy x /b\n",
            "ConsistentInstructionCasing 1: Command 'FROM' should match the case of the command majority (lowercase)",
        ),
    ] {
        assert_eq!(found(text), [wanted], "{text}");
    }
    for text in [
        "from scratch\ncopy x /a\n",
        "FROM scratch\nCOPY x /a\n",
        "FROM scratch\nRUN <<'E'\nenv\nE\n",
    ] {
        assert_eq!(found(text), NONE, "{text}");
    }
}

#[test]
fn writing() {
    assert_eq!(
        found("FROM scratch\nCOPY a \\\n\n /b\nMAINTAINER me\n"),
        [
            "NoEmptyContinuation 2: Empty continuation line",
            "MaintainerDeprecated 5: Maintainer instruction is deprecated in favor of using label",
        ]
    );
    assert_eq!(
        found("FROM scratch\nENV k v\nLABEL k v\nENV k=v\nLABEL k=v\n"),
        [
            "LegacyKeyValueFormat 2: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format",
            "LegacyKeyValueFormat 3: \"LABEL key=value\" should be used instead of legacy \"LABEL key value\" format",
        ]
    );
}

#[test]
fn definition_descriptions() {
    let good = "# check=experimental=all\nARG foo=bar\n\n# base this\nFROM scratch AS base\n\n# version that\nARG version=x\n# baz it\nARG foo=baz baz=x\n#\nARG bit=bat\n# of something else\nCOPY x .\n";
    assert_eq!(found(good), NONE);
    let bad = "# check=experimental=InvalidDefinitionDescription\n# bar this\nARG foo=bar\n# BasE this\nFROM scratch AS base\n# bad\nARG version=x\n# bad\nARG foo=baz bar=qux\n";
    assert_eq!(
        found(bad),
        [
            "InvalidDefinitionDescription 3: Comment for ARG should follow the format: `# foo <description>`",
            "InvalidDefinitionDescription 5: Comment for FROM should follow the format: `# base <description>`",
            "InvalidDefinitionDescription 7: Comment for ARG should follow the format: `# version <description>`",
            "InvalidDefinitionDescription 9: Comment for ARG should follow the format: `# <arg_key> <description>`",
        ]
    );
    assert_eq!(found("# bar this\nARG foo=bar\nFROM scratch\n"), NONE);
}

#[test]
fn ignored_files() {
    let case = |ignore| Case {
        ignore: Some(ignore),
        ..Case::default()
    };
    let text = "FROM scratch\nCOPY file .\nADD file /w\n";
    assert_eq!(
        case("file\n").found(text),
        [
            "CopyIgnoredFile 2: Attempting to Copy file \"file\" that is excluded by .dockerignore",
            "CopyIgnoredFile 3: Attempting to Add file \"file\" that is excluded by .dockerignore",
        ]
    );
    assert_eq!(
        case("file\n").found(&format!("# check=skip=CopyIgnoredFile\n{text}")),
        NONE
    );
    assert_eq!(
        case("x\n").found("FROM scratch AS a\nCOPY file /x\nFROM a\nCOPY --from=a /x /y\n"),
        NONE
    );
    assert_eq!(
        case("**\n!file\n").found("FROM scratch\nCOPY ./file .\nCOPY . .\n"),
        NONE
    );
    assert_eq!(case(".*\n").found("FROM scratch\nCOPY . .\n"), NONE);
    assert_eq!(case("*\n").found("FROM scratch\nCOPY . .\n").len(), 1);
}

#[test]
fn secrets() {
    let text = "FROM scratch\nARG SECRET_PHRASE\nENV SUPER_Secret=x\nENV password=x secret=y\nARG very_secret_token=x auth=y\nENV apikey=x sun=y\nENV git_key=\nENV PUBLIC_KEY=\nARG public_token SECRET_FILE AUTH_VERSION keyring\n# check=skip=SecretsUsedInArgOrEnv // known\nENV password=z\n# check=skip=all\nARG password\n";
    let wanted = [
        (2, "ARG", "SECRET_PHRASE"),
        (3, "ENV", "SUPER_Secret"),
        (4, "ENV", "password"),
        (4, "ENV", "secret"),
        (5, "ARG", "very_secret_token"),
        (5, "ARG", "auth"),
        (6, "ENV", "apikey"),
        (7, "ENV", "git_key"),
    ];
    let wanted = wanted.map(|(line, word, name)| {
        format!("SecretsUsedInArgOrEnv {line}: Do not use ARG or ENV instructions for sensitive data ({word} {name:?})")
    });
    assert_eq!(found(text), wanted);
}

#[test]
fn options() {
    let text = "FROM scratch as base\ncopy x .\n";
    assert_eq!(found(&format!("#check=skip=all;error=true\n{text}")), NONE);
    assert_eq!(
        found(&format!(
            "#check=skip=ConsistentInstructionCasing,FromAsCasing\n{text}"
        )),
        NONE
    );
    let fatal =
        "#check=skip=ConsistentInstructionCasing;error=true\nFROM scratch as base\ncopy x .\n";
    let report = Case::default().report(fatal);
    assert_eq!(
        report.verdict().as_deref(),
        Some("lint violation found for rules: FromAsCasing")
    );
    let skipped = Case {
        options: Some("skip=all"),
        ..Case::default()
    };
    assert_eq!(
        skipped
            .report(&format!("#check=error=true\n{text}"))
            .verdict(),
        None
    );
    let parsed = parse(b"# check=nonsense\nFROM scratch\n").unwrap();
    let input = Input {
        build_args: &BTreeMap::new(),
        platform_args: &BTreeMap::new(),
        options: None,
        ignore: None,
        image_variables: &|_| None,
        target: &Platform::host(),
        image_platform: &|_, _| None,
        stages: None,
    };
    assert!(check(&parsed, &input).is_err());
}

#[test]
fn platforms_of_base_images() {
    let text = "ARG P=linux/arm64\nFROM foreign\nFROM other\nFROM --platform=$P foreign AS same\nFROM same\nFROM scratch\n";
    assert_eq!(
        found(text),
        [
            "InvalidBaseImagePlatform 2: Base image foreign was pulled with platform \"linux/arm64\", expected \"linux/amd64\" for current build"
        ]
    );
}

#[test]
fn stage_names() {
    assert_eq!(
        found("FROM scratch AS b\nFROM scratch AS b\n"),
        ["DuplicateStageName 2: Duplicate stage name \"b\", stage names should be unique"]
    );
    assert_eq!(
        found("FROM scratch AS scratch\nFROM scratch AS context\nFROM scratch\n"),
        [
            "ReservedStageName 1: Stage name should not use the same name as reserved stage \"scratch\"",
            "ReservedStageName 2: Stage name should not use the same name as reserved stage \"context\"",
        ]
    );
}

#[test]
fn commands() {
    for name in ["CMD", "ENTRYPOINT"] {
        assert_eq!(
            found(&format!("FROM scratch\n{name} x\n")),
            [format!(
                "JSONArgsRecommended 2: JSON arguments recommended for {name} to prevent unintended behavior related to OS signals"
            )]
        );
        assert_eq!(
            found(&format!("FROM scratch\nSHELL [\"/x\"]\n{name} x\n")),
            NONE
        );
        assert_eq!(
            found(&format!(
                "FROM scratch AS a\nSHELL [\"/x\"]\nFROM a\n{name} x\n"
            )),
            NONE
        );
    }
    let text = "FROM scratch\nENTRYPOINT [\"/a\"]\nCMD [\"/a\"]\nHEALTHCHECK CMD [\"/a\"]\nCOPY <<E /x\ny\nE\nENTRYPOINT [\"/b\"]\nCMD [\"/b\"]\nHEALTHCHECK CMD [\"/b\"]\n";
    let lines: Vec<String> = found(text)
        .iter()
        .map(|w| w.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "MultipleInstructionsDisallowed 2",
            "MultipleInstructionsDisallowed 3",
            "MultipleInstructionsDisallowed 4"
        ]
    );
    assert_eq!(
        found("FROM scratch AS a\nCMD [\"/a\"]\nFROM a\nCMD [\"/b\"]\n"),
        NONE
    );
}

#[test]
fn workdirs() {
    assert_eq!(
        found("FROM scratch\nWORKDIR app/\nWORKDIR sub\n"),
        [
            "WorkdirRelativePath 2: Relative workdir \"app/\" can have unexpected results if the base image changes"
        ]
    );
    assert_eq!(
        found("FROM scratch AS a\nWORKDIR /app\nFROM a\nWORKDIR sub\n"),
        NONE
    );
}

#[test]
fn undefined_variables() {
    for good in [
        "FROM scratch\nARG x\nCOPY f${x} .\n",
        "FROM base AS base\nARG x=f\nFROM base\nCOPY $x .\n",
        "FROM base\nRUN echo $x\n",
        "FROM base\nCOPY $FROM_BASE $PATH .\n",
        "FROM unknown\nCOPY $x .\n",
        "ARG V=1\nFROM base\nARG V\nCOPY $V .\n",
    ] {
        assert_eq!(found(good), NONE, "{good}");
    }
    for (text, wanted) in [
        (
            "FROM base\nCOPY $x .\nARG x=y\n",
            "UndefinedVar 2: Usage of undefined variable '$x'",
        ),
        (
            "FROM base\nARG DIR_ASSETS=a\nCOPY $DIR_ASSET .\n",
            "UndefinedVar 3: Usage of undefined variable '$DIR_ASSET' (did you mean $DIR_ASSETS?)",
        ),
        (
            "FROM base\nENV PATH=$PAHT:/x\n",
            "UndefinedVar 2: Usage of undefined variable '$PAHT' (did you mean $PATH?)",
        ),
    ] {
        assert_eq!(found(text), [wanted], "{text}");
    }
    let second = Case {
        stages: Some(BTreeSet::from([1])),
        ..Case::default()
    };
    assert_eq!(
        second
            .found("FROM scratch AS a\nCOPY $a .\nFROM scratch\nCOPY $b .\n")
            .len(),
        1
    );
}

#[test]
fn undeclared_arguments() {
    for good in [
        "ARG b=scratch\nFROM $b\n",
        "FROM --platform=$BUILDPLATFORM scratch\n",
        "ARG D\nFROM scratch${D}\n",
        "ARG D\nFROM scra${D:-tch}\n",
        "ARG D=\"\"\nFROM scratch${D-@bogus}\n",
    ] {
        assert_eq!(found(good), NONE, "{good}");
    }
    let report = Case::default().report("FROM --platform=$BULIDPLATFORM scratch\n");
    assert_eq!(
        report.warnings[0].detail,
        "FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)"
    );
    assert!(report.failed.is_some());
    assert_eq!(
        found("ARG tag=x\nFROM base:${tag}${v} AS b\n"),
        ["UndefinedArgInFrom 2: FROM argument 'v' is not declared"]
    );
}

#[test]
fn platforms() {
    for text in ["$TARGETPLATFORM", "${TARGETPLATFORM}"] {
        assert_eq!(
            found(&format!("FROM --platform={text} scratch\n")),
            [format!(
                "RedundantTargetPlatform 1: Setting platform to predefined {text} in FROM is redundant as this is the default behavior"
            )]
        );
    }
    assert_eq!(
        found("FROM --platform=linux/amd64 scratch\n"),
        [
            "FromPlatformFlagConstDisallowed 1: FROM --platform flag should not use constant value \"linux/amd64\""
        ]
    );
    for good in [
        "FROM --platform=linux/amd64 scratch AS my_amd64\n",
        "FROM --platform=linux/amd64 scratch AS linux\n",
    ] {
        assert_eq!(found(good), NONE, "{good}");
    }
}

#[test]
fn defaults_of_base_images() {
    let case = |name, value| Case {
        build_args: Box::leak(Box::new([(name, value)])),
        ..Case::default()
    };
    for (args, text, wanted) in [
        (
            case("V", "latest"),
            "ARG V\nFROM base:$V\n",
            Some("base:$V"),
        ),
        (
            case("IMAGE", "base"),
            "ARG IMAGE\nFROM $IMAGE\n",
            Some("$IMAGE"),
        ),
        (
            case("S", "se:latest"),
            "ARG S=\"se:\"\nFROM ba${S}\n",
            Some("ba${S}"),
        ),
        (case("V", "latest"), "ARG V=latest\nFROM base:${V}\n", None),
        (case("S", "-x"), "ARG S=\"\"\nFROM base:stable${S}\n", None),
        (case("S", "-x"), "ARG S\nFROM base:stable${S}\n", None),
    ] {
        let wanted: Vec<String> = wanted.iter().map(|base| format!("InvalidDefaultArgInFrom 2: Default value for ARG {base} results in empty or invalid base image name")).collect();
        assert_eq!(args.found(text), wanted, "{text}");
    }
}

#[test]
fn ports() {
    let found = found(
        "FROM scratch\nEXPOSE 80/TcP 8080/TCP 8080/udp 127.0.0.1:80:80 [::1]:81:81 50:50 8000\n",
    );
    assert_eq!(
        found
            .iter()
            .filter(|w| w.starts_with("ExposeProtoCasing 2: "))
            .count(),
        2
    );
    assert_eq!(
        found
            .iter()
            .filter(|w| w.starts_with("ExposeInvalidFormat 2: "))
            .count(),
        3
    );
    assert_eq!(found.len(), 5);
}

#[test]
fn warnings_come_before_the_error() {
    let report = Case::default().report("FROM scratch AS Bad\nMAINTAINER me\nWORKDIR ${x\n");
    assert_eq!(report.warnings.len(), 2);
    assert_eq!(report.failed.unwrap().span.first, 3);
}
