//! Variables that begin like ours and are none: others set them too (Kubernetes injects `JAN_PORT` into every pod beside a
//! Service named `jan`), so they do not stop the start; a typing error should not pass in silence either.

use super::env::{ALIASES, Environment, OTHERS, TESTS};
use super::load::BY_PATH;

/// What all names of ours begin with.
const PREFIX: &str = "JAN_";
/// So many letters may differ in a name that was mistyped.
const TYPING_ERRORS: usize = 2;

/// One sentence that names the variables which begin like ours and mean nothing here; none, if there are none.
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
    ours().any(|known| known == name) || name.starts_with(BY_PATH) || name.starts_with(TESTS)
}

fn ours() -> impl Iterator<Item = &'static str> {
    let aliases = ALIASES.iter().map(|alias| alias.name).filter(|name| name.starts_with(PREFIX));
    aliases.chain(OTHERS.iter().copied())
}

/// The name that was probably meant.
fn nearest(name: &str) -> Option<&'static str> {
    let (distance, known) = ours().map(|known| (strsim::osa_distance(name, known), known)).min()?;
    (distance <= TYPING_ERRORS).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_are_named_and_mistyped_ones_explained() {
        let told = |names: &[&str]| {
            unknown_variables(
                &names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            told(&["JAN_ADDR", "JAN_CONFIG", "JAN__LIMITS__BODY", "JAN_TEST_X", "PATH", "JANUARY"]),
            None
        );
        let text = told(&["JAN_PORT", "JAN_ADRR", "JAN_PORT_80_TCP_ADDR"]).unwrap();
        assert!(text.contains("JAN_ADRR (did you mean JAN_ADDR?)"), "{text}");
        assert!(text.contains("JAN_PORT,") && text.contains("JAN_PORT_80_TCP_ADDR."), "{text}");
    }
}
