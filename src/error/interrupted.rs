use super::{Error, ErrorKind};
use crate::runtime::interrupted::Interrupted;

impl From<Interrupted> for Error {
    fn from(why: Interrupted) -> Error {
        let kind = match why {
            Interrupted::Cancelled | Interrupted::Forked => ErrorKind::Cancelled,
            Interrupted::DeadlinePassed => ErrorKind::Timeout,
            Interrupted::NoDescriptor(_) => ErrorKind::Network,
            Interrupted::Refused(_) | Interrupted::Closed => ErrorKind::Internal,
        };
        Error::new(kind, why.to_string())
    }
}
