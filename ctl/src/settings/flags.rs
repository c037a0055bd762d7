//! One flag for each setting.

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint,
    builder::PossibleValuesParser, error::ErrorKind,
};
use shopmaster_proto::v1::Settings;

use super::{Changes, FIELDS, Field, fields::Slot};

/// The settings that flags change.
#[derive(Clone, Default)]
pub struct SettingFlags(pub Changes);

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        command.args(FIELDS.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for field in &FIELDS {
            if let Some(texts) = matches.get_many::<String>(field.flag) {
                // Only lists may be given several times.
                let text = texts.map(String::as_str).collect::<Vec<_>>().join("; ");
                self.0
                    .set(field, &text)
                    .map_err(|problem| clap::Error::raw(ErrorKind::ValueValidation, problem))?;
            }
        }
        Ok(())
    }
}

/// The ids of all flags.
pub fn flags() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|field| field.flag)
}

fn flag(field: &'static Field) -> Arg {
    let arg = Arg::new(field.flag)
        .long(field.flag)
        .value_name(field.value)
        .help(field.help)
        .help_heading(field.heading());
    let arg = match field.slot {
        Slot::File(_) => arg.value_hint(ValueHint::FilePath),
        Slot::Conditions(_) | Slot::Watches(_) => arg.action(ArgAction::Append),
        _ => arg,
    };
    if !field.words().is_empty() {
        return arg.value_parser(PossibleValuesParser::new(field.words()));
    }
    arg.value_parser(move |text: &str| {
        field
            .set(&mut Settings::default(), text)
            .map(|()| text.to_owned())
    })
}
