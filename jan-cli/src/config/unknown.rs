//! A warning about environment variables that start with `JAN_` and are unknown. They do not stop the start, because
//! other programs set such variables (Kubernetes sets `JAN_PORT` in every pod if a Service is named `jan`), but a
//! typing error should be visible.

use super::env::{ALIASES, Environment, OTHER_NAMES, TEST_PREFIX};
use super::load::PATH_PREFIX;

/// The start of all our own names.
const PREFIX: &str = "JAN_";
/// The most letters that differ in a mistyped name.
const MAX_TYPOS: usize = 2;

/// One sentence that names the unknown variables; `None` if there are none.
pub fn unknown_variables(environment: &dyn Environment) -> Option<String> {
    let mut names: Vec<String> = environment.vars().into_iter().map(|(name, _)| name).collect();
    names.retain(|name| name.starts_with(PREFIX) && !is_known(name));
    if names.is_empty() {
        return None;
    }
    names.sort();
    let names: Vec<_> = names
        .iter()
        .map(|name| match nearest(name) {
            Some(known) => format!("{name} (did you mean {known}?)"),
            None => name.clone(),
        })
        .collect();
    Some(format!("These variables mean nothing here and are passed over: {}.", names.join(", ")))
}

fn is_known(name: &str) -> bool {
    known_names().any(|known| known == name) || name.starts_with(PATH_PREFIX) || name.starts_with(TEST_PREFIX)
}

fn known_names() -> impl Iterator<Item = &'static str> {
    let aliases = ALIASES.iter().map(|alias| alias.name).filter(|name| name.starts_with(PREFIX));
    aliases.chain(OTHER_NAMES.iter().copied())
}

/// The known name that was probably meant.
fn nearest(name: &str) -> Option<&'static str> {
    let (distance, known) = known_names().map(|known| (strsim::osa_distance(name, known), known)).min()?;
    (distance <= MAX_TYPOS).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_listed_and_mistyped_ones_get_a_suggestion() {
        let warning = |names: &[&str]| {
            unknown_variables(
                &names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            warning(&["JAN_ADDR", "JAN_CONFIG", "JAN__LIMITS__BODY", "JAN_TEST_X", "PATH", "JANUARY"]),
            None
        );
        let text = warning(&["JAN_PORT", "JAN_ADRR", "JAN_PORT_80_TCP_ADDR"]).unwrap();
        assert!(text.contains("JAN_ADRR (did you mean JAN_ADDR?)"), "{text}");
        assert!(text.contains("JAN_PORT,") && text.contains("JAN_PORT_80_TCP_ADDR."), "{text}");
    }
}
