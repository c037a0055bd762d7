//! A `.desktop` file in the user's autostart folder.
//!
//! <https://specifications.freedesktop.org/autostart-spec/latest/> and
//! <https://specifications.freedesktop.org/desktop-entry-spec/latest/>.

use std::{fmt, io, path::PathBuf};

use directories::BaseDirs;
use shopmaster_proto::InstanceName;

use super::{AutostartError, Found, Start, file};

/// The `.desktop` file of an instance.
#[derive(Debug)]
pub struct Entry {
    path: PathBuf,
    instance: InstanceName,
}

impl Entry {
    pub fn of(instance: &InstanceName) -> Result<Self, AutostartError> {
        let dirs = BaseDirs::new().ok_or(AutostartError::NoHome)?;
        let file = format!("shopmaster-{instance}.desktop");
        Ok(Self {
            path: dirs.config_dir().join("autostart").join(file),
            instance: instance.clone(),
        })
    }

    pub fn read(&self) -> io::Result<Option<Found>> {
        Ok(file::read(&self.path)?.map(|text| parse(&text)))
    }

    pub fn write(&self, start: &Start) -> io::Result<()> {
        file::write(&self.path, &entry(&self.instance, start))
    }

    pub fn remove(&self) -> io::Result<bool> {
        file::remove(&self.path)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path.display())
    }
}

fn entry(instance: &InstanceName, start: &Start) -> String {
    let command = command_line(start);
    format!(
        "[Desktop Entry]\n\
         Type=Application\n\
         Name=shopMaster ({instance})\n\
         Comment=Keeps Digible in sync with the shop\n\
         Exec={command}\n\
         Terminal=false\n\
         StartupNotify=false\n\
         X-GNOME-Autostart-enabled=true\n"
    )
}

/// The value of `Exec`.
pub fn command_line(start: &Start) -> String {
    let home = start.home.as_ref();
    let variable = home.map(|home| ["env".to_owned(), format!("SHOPMASTER_HOME={home}")]);
    let words = variable.into_iter().flatten();
    words
        .chain([start.program.clone()])
        .chain(start.arguments.iter().cloned())
        .map(|word| quoted(&word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// One word of the command line: quoted, and then escaped again like every value of the file.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '\\' => text.push_str(r"\\\\"),
            '"' | '`' | '$' => {
                text.push_str(r"\\");
                text.push(c);
            }
            '%' => text.push_str("%%"),
            '\n' => text.push_str(r"\n"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

fn parse(text: &str) -> Found {
    let lines = || {
        let section = text.lines().map(str::trim);
        section
            .skip_while(|line| *line != "[Desktop Entry]")
            .skip(1)
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim()))
    };
    let value = |wanted: &str| {
        lines()
            .find(|(key, _)| *key == wanted)
            .map(|(_, value)| value)
    };
    let command = value("Exec").unwrap_or_default();
    let hidden = value("Hidden") == Some("true");
    let refused = value("X-GNOME-Autostart-enabled") == Some("false");
    Found {
        command: command.to_owned(),
        switched_on: !hidden && !refused && !command.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(program: &str, home: Option<&str>) -> Start {
        Start {
            program: program.to_owned(),
            arguments: ["run", "--instance", "till-2"].map(str::to_owned).to_vec(),
            home: home.map(str::to_owned),
        }
    }

    #[test]
    fn the_whole_file() {
        let instance = "till-2".parse().unwrap();
        let text = entry(&instance, &start("/opt/shop/shopmaster-agent", None));
        assert_eq!(
            text,
            "[Desktop Entry]\n\
             Type=Application\n\
             Name=shopMaster (till-2)\n\
             Comment=Keeps Digible in sync with the shop\n\
             Exec=/opt/shop/shopmaster-agent run --instance till-2\n\
             Terminal=false\n\
             StartupNotify=false\n\
             X-GNOME-Autostart-enabled=true\n"
        );
        assert_eq!(
            parse(&text),
            Found {
                command: "/opt/shop/shopmaster-agent run --instance till-2".to_owned(),
                switched_on: true
            }
        );
    }

    #[test]
    fn words_that_the_desktop_would_take_apart_are_quoted() {
        assert_eq!(
            command_line(&start(
                "/my shop/100% \"a\" $b \\c/agent",
                Some("/srv/my shop")
            )),
            r#"env "SHOPMASTER_HOME=/srv/my shop" "/my shop/100%% \\"a\\" \\$b \\\\c/agent" run --instance till-2"#
        );
    }

    #[test]
    fn an_item_that_was_switched_off_by_hand_is_off() {
        let on = "# mine\n[Desktop Entry]\nExec = x\n";
        assert!(parse(on).switched_on);
        for line in ["Hidden=true", "X-GNOME-Autostart-enabled=false"] {
            assert!(!parse(&format!("{on}{line}\n")).switched_on, "{line}");
        }
        assert!(parse(&format!("{on}[Other]\nHidden=true\n")).switched_on);
        assert!(!parse("").switched_on);
    }
}
