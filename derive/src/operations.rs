//! The letters of operations: I, U and D.

use proc_macro2::TokenStream;
use quote::quote;

/// The operations of a stream: whether it has each of I, U and D.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Operations {
    pub(crate) insert: bool,
    pub(crate) update: bool,
    pub(crate) delete: bool,
}

impl Operations {
    pub(crate) const ALL: Operations = Operations {
        insert: true,
        update: true,
        delete: true,
    };

    /// The letters I, U and D in any order.
    pub(crate) fn parse(letters: &str, once: bool) -> Result<Operations, String> {
        let mut on = Operations::default();
        for letter in letters.chars() {
            let slot = match letter {
                'I' => &mut on.insert,
                'U' => &mut on.update,
                'D' => &mut on.delete,
                _ => {
                    return Err(format!(
                        "`{letter}` is no operation: known are I (insert), U (update) and D (delete)"
                    ));
                }
            };
            if once && *slot {
                return Err(format!("`{letter}` is named twice"));
            }
            *slot = true;
        }
        Ok(on)
    }

    /// The `Operations`.
    pub(crate) fn expand(self) -> TokenStream {
        let operations = quote!(::headwater::__private::Operations);
        if self == Operations::ALL {
            return quote!(#operations::ALL);
        }
        let insert = self.insert.then(|| quote!(.and(#operations::INSERT)));
        let update = self.update.then(|| quote!(.and(#operations::UPDATE)));
        let delete = self.delete.then(|| quote!(.and(#operations::DELETE)));
        quote!(#operations::NONE #insert #update #delete)
    }
}
