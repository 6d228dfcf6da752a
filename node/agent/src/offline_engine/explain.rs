//! Explains a file, a module or a function from the syntax tree.

use super::{IndexedSources, Next, Refusal};
use aiex_analysis::{explain, render_markdown};
use aiex_context::ProjectIndex;

pub(super) fn next(index: &ProjectIndex, target: &str) -> Result<Next, Refusal> {
    let resolved = index.graph().resolve(target).map_err(|unresolved| {
        Refusal::new(
            unresolved.to_string(),
            "name a file (lib/shop/cart.ex), a module (Shop.Cart) or a function (Shop.Cart.total/1)",
        )
    })?;
    let explanation = explain(index.graph(), &IndexedSources(index), &resolved);
    Ok(Next::Answer(render_markdown(&explanation)))
}
