//! The keys that detach, as people write them: `C-b d`, `ctrl-b,d`, `^B d`.

use crate::cli::stop::Stop;
use crate::client::detach_keys::parse;

/// What detaches unless told otherwise.
const DEFAULT: &str = "C-b d";

/// The bytes of the keys that detach: what `flag` says, else the environment, else Ctrl-B d. None for `none`.
///
/// # Errors
/// Text that names no keys.
pub(super) fn choose(flag: Option<&str>, environment: Option<&str>) -> Result<Vec<u8>, Stop> {
    let text = flag.or(environment).unwrap_or(DEFAULT);
    parse(text).ok_or_else(|| {
        Stop::usage(format!(
            "detach keys {text:?}: write one or two keys like \"C-b d\", \"ctrl-p,ctrl-q\" or \"^\\\", or none"
        ))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_goes_before_the_environment() {
        assert_eq!(choose(None, Some("C-a d")).unwrap(), [1, b'd']);
        assert_eq!(choose(Some("C-b d"), Some("C-a d")).unwrap(), [2, b'd']);
        assert_eq!(choose(None, None).unwrap(), [2, b'd']);
        assert!(choose(Some("nonsense"), None).is_err());
    }
}
