//! `completions/` and `man/`, which are made from the definitions of the commands.
//!
//! A test fails when the files are stale; `CTR_REGENERATE=1 cargo test --lib cli::generated` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use clap_complete::Shell;

use super::{Names, Page, command_tree, pages};

#[test]
fn completions_and_man_pages_are_fresh() {
    let mut files: Vec<(PathBuf, String)> = [Shell::Bash, Shell::Zsh, Shell::Fish]
        .into_iter()
        .map(|shell| (completion_path(shell), completion(shell)))
        .collect();
    files.push((PathBuf::from("man/ctr.1"), overview_page()));
    for page in pages() {
        let name = page.name.replace(' ', "-");
        files.push((PathBuf::from(format!("man/ctr-{name}.1")), man_page(&page)));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rewrite = std::env::var_os("CTR_REGENERATE").is_some();
    for (path, text) in &files {
        let path = root.join(path);
        if rewrite {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == *text,
            "{} is stale: run CTR_REGENERATE=1 cargo test --lib cli::generated",
            path.display()
        );
    }
    for directory in ["completions", "man"] {
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let path = Path::new(directory).join(entry.unwrap().file_name());
            let known = files.iter().any(|(known, _)| *known == path);
            assert!(known, "{} belongs to no command", path.display());
        }
    }
}

fn completion_path(shell: Shell) -> PathBuf {
    PathBuf::from(match shell {
        Shell::Bash => "completions/ctr.bash",
        Shell::Zsh => "completions/_ctr",
        _ => "completions/ctr.fish",
    })
}

/// clap's script, and what completes names: they come from `ctr __complete`.
fn completion(shell: Shell) -> String {
    let mut tree = command_tree();
    if shell == Shell::Zsh {
        tree = with_hints(tree, "");
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree, "ctr", &mut script);
    let script = String::from_utf8(script).unwrap();
    // clap leaves spaces at the ends of lines.
    let mut script: String = script
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    match shell {
        Shell::Bash => bash_names(&mut script),
        Shell::Zsh => zsh_names(&mut script),
        _ => fish_names(&mut script),
    }
    script
}

/// What `ctr __complete` is asked for.
fn kinds(names: Names) -> Option<&'static str> {
    Some(match names {
        Names::None => return None,
        Names::Containers => "containers",
        Names::Running | Names::RunningThenCommand => "running",
        Names::Images | Names::ImageThenCommand => "images",
        Names::Volumes => "volumes",
        Names::Any => "containers images volumes",
    })
}

/// Every way to type a command that takes names, and the names it takes.
fn named_commands() -> Vec<(&'static str, &'static str)> {
    let pages = pages().into_iter();
    pages
        .filter_map(|page| Some((page.names, kinds(page.arguments)?)))
        .flat_map(|(names, kinds)| names.iter().map(move |name| (*name, kinds)))
        .collect()
}

fn bash_names(script: &mut String) {
    // clap's script ends with its registration; ours takes its place.
    let registration = script
        .find("\nif [[ \"${BASH_VERSINFO")
        .expect("clap's registration");
    script.truncate(registration + 1);
    script.push_str(
        r#"# Names come from the store: ctr __complete lists them.
_ctr_with_names() {
    _ctr "$@"
    local at="${COMP_CWORD}" cur="${COMP_WORDS[COMP_CWORD]}" word words="" kinds=""
    [[ "${cur}" == -* ]] && return 0
    # A colon begins a new word for readline, but not in the name of an image.
    while (( at > 1 )) && [[ "${COMP_WORDS[at]}" == : || "${COMP_WORDS[at - 1]}" == : ]]; do
        at=$(( at - 1 ))
        cur="${COMP_WORDS[at]}${cur}"
    done
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ "${word}" == -* ]] && continue
        words="${words:+${words} }${word}"
        case "${words}" in
            container|image|system|volume) continue ;;
        esac
        break
    done
    case "${words}" in
"#,
    );
    let mut by_kind: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, kinds) in named_commands() {
        match by_kind.iter_mut().find(|(known, _)| *known == kinds) {
            Some((_, names)) => names.push(name),
            None => by_kind.push((kinds, vec![name])),
        }
    }
    for (kinds, names) in by_kind {
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let _ = writeln!(script, "        {}) kinds=\"{kinds}\" ;;", names.join("|"));
    }
    script.push_str(
        r#"        *) return 0 ;;
    esac
    # shellcheck disable=SC2086
    COMPREPLY=( $(compgen -W "$(ctr __complete ${kinds} 2>/dev/null)" -- "${cur}") )
    local before="${cur%"${cur##*:}"}"
    COMPREPLY=( "${COMPREPLY[@]#"${before}"}" )
}

complete -F _ctr_with_names -o bashdefault -o default ctr
"#,
    );
}

/// Marks where names go: a hint that nothing else uses becomes a call of ours in the script.
fn with_hints(command: clap::Command, path: &str) -> clap::Command {
    let named = named_commands();
    command.mut_subcommands(|child| {
        let name = match path {
            "" => child.get_name().to_owned(),
            path => format!("{path} {}", child.get_name()),
        };
        let takes_names = named.iter().any(|(known, _)| *known == name);
        let child = child.mut_args(|argument| {
            if argument.is_positional() && takes_names {
                argument.hide(false).value_hint(ValueHint::Username)
            } else {
                argument
            }
        });
        with_hints(child, &name)
    })
}

fn zsh_names(script: &mut String) {
    *script = script.replace(":_users", ":_ctr_names");
    let at = script.find("\n_ctr() {").expect("clap's function");
    let mut function = String::from(
        r#"
# Names come from the store: ctr __complete lists them.
_ctr_names() {
    local -a found
    local kinds
    case "$curcontext" in
"#,
    );
    for (name, kinds) in named_commands() {
        // clap names the context after the commands: `:complete:ctr-container-command-rm:`.
        let pattern = match name.split_once(' ') {
            Some((group, name)) => format!("{group}-command-{name}"),
            None => format!("command-{name}"),
        };
        let _ = writeln!(function, "        *:ctr-{pattern}:*) kinds=\"{kinds}\" ;;");
    }
    function.push_str(
        r#"        *) kinds="containers images" ;;
    esac
    found=(${(f)"$(ctr __complete ${=kinds} 2>/dev/null)"})
    compadd -a found
}
"#,
    );
    script.insert_str(at, &function);
}

fn fish_names(script: &mut String) {
    script.push_str("\n# Names come from the store: ctr __complete lists them.\n");
    for (name, kinds) in named_commands() {
        let condition = match name.split_once(' ') {
            None => format!("__fish_ctr_using_subcommand {name}"),
            Some((group, name)) => {
                format!(
                    "__fish_ctr_using_subcommand {group}; and __fish_seen_subcommand_from {name}"
                )
            }
        };
        let _ = writeln!(
            script,
            "complete -c ctr -n \"{condition}\" -f -a \"(ctr __complete {kinds})\""
        );
    }
}

/// A page of section 1 for one command.
fn man_page(page: &Page) -> String {
    let title = format!("ctr-{}", page.name.replace(' ', "-"));
    let man = clap_mangen::Man::new(page.definition.clone())
        .title(title.to_uppercase())
        .date("")
        .source("ctr")
        .manual("ctr manual");
    let mut out = Vec::new();
    man.render_title(&mut out).unwrap();
    let mut text = String::from_utf8(out).unwrap();
    let about = page
        .definition
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let _ = writeln!(text, ".SH NAME\n{} \\- {}", escape(&title), escape(&about));
    text.push_str(".SH SYNOPSIS\n");
    let usage = page.definition.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim().to_owned();
    let (words, rest) = split_usage(&usage, page.name);
    let _ = writeln!(text, "\\fB{}\\fR {}", escape(words), escape(rest));
    for alias in page.names.iter().skip(1) {
        let _ = writeln!(text, ".br\n\\fBctr {}\\fR {}", escape(alias), escape(rest));
    }
    let mut out = Vec::new();
    man.render_description_section(&mut out).unwrap();
    man.render_options_section(&mut out).unwrap();
    text.push_str(&String::from_utf8(out).unwrap());
    if !page.examples.is_empty() {
        text.push_str(".SH EXAMPLES\n");
        for (line, what) in page.examples {
            let _ = write!(
                text,
                "{}:\n.PP\n.RS 4\n.nf\n$ ctr {}\n.fi\n.RE\n.PP\n",
                escape(what),
                escape(line)
            );
        }
    }
    text.push_str(".SH SEE ALSO\n\\fBctr\\fR(1)\n");
    text
}

/// `ctr run [OPTIONS]` → `ctr run` and `[OPTIONS]`.
fn split_usage<'u>(usage: &'u str, name: &str) -> (&'u str, &'u str) {
    let words = "ctr ".len() + name.len();
    (&usage[..words], usage[words..].trim_start())
}

/// What roff would take for its own.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

/// `ctr(1)`: global flags, and the list of commands.
fn overview_page() -> String {
    let tree = command_tree();
    let man = clap_mangen::Man::new(tree)
        .title("CTR")
        .date("")
        .source("ctr")
        .manual("ctr manual");
    let mut out = Vec::new();
    man.render_title(&mut out).unwrap();
    man.render_name_section(&mut out).unwrap();
    let mut text = String::from_utf8(out).unwrap();
    text.push_str(".SH SYNOPSIS\n\\fBctr\\fR [OPTIONS] COMMAND [ARG...]\n");
    let mut out = Vec::new();
    man.render_description_section(&mut out).unwrap();
    man.render_options_section(&mut out).unwrap();
    text.push_str(&String::from_utf8(out).unwrap());
    text.push_str(".SH COMMANDS\n");
    for page in pages() {
        let about = page
            .definition
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        let name = page.name.replace(' ', "-");
        let _ = writeln!(
            text,
            ".TP\n\\fBctr\\-{}\\fR(1)\n{}",
            escape(&name),
            escape(&about)
        );
    }
    text
}
