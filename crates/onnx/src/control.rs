//! Branches and loops whose course is known when the graph is built.

use crate::error::OnnxError;
use crate::import::{Importer, Scope};
use crate::schema::NodeProto;
use crate::value::Value;

impl<'g> Importer<'_, 'g> {
    /// The results of a node that has bodies; `None` for any other.
    pub(crate) fn control(
        &self,
        _node: &NodeProto,
        _inputs: &[Option<Value<'g>>],
        _scope: &Scope<'g>,
        _depth: usize,
    ) -> Result<Option<Vec<Value<'g>>>, OnnxError> {
        Ok(None)
    }
}
