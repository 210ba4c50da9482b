//! The second pass over the symbol table: from facts to scopes.

use std::collections::{BTreeSet, HashMap, HashSet};

use pyrs_bytecode::WStr;

use super::symbol::*;
use super::{Block, BlockId, BlockType, Scope, SymbolTable};
use crate::errors::{Compiled, error_at};

type Names = HashSet<WStr>;
/// Sets whose order shows.
type SortedNames = BTreeSet<WStr>;

/// Decides the scope of every name.
pub fn analyze(table: &mut SymbolTable) -> Compiled<()> {
    let top = table.top;
    let mut analyzer = Analyzer { table };
    let mut free = SortedNames::new();
    analyzer.block(top, None, &mut free, &mut Names::new(), &mut Names::new(), None)
}

struct Analyzer<'t> {
    table: &'t mut SymbolTable,
}

/// What is known while the names of one block are decided.
struct NameContext<'a> {
    bound: Option<&'a mut Names>,
    local: Names,
    free: &'a mut SortedNames,
    global: &'a mut Names,
    type_params: &'a mut Names,
    scopes: HashMap<WStr, Scope>,
}

impl Analyzer<'_> {
    fn block(
        &mut self,
        id: BlockId,
        mut bound: Option<&mut Names>,
        free: &mut SortedNames,
        global: &mut Names,
        type_params: &mut Names,
        class_entry: Option<BlockId>,
    ) -> Compiled<()> {
        let kind = self.table.block(id).kind;
        let (mut new_global, mut new_bound) = (Names::new(), Names::new());
        if kind == BlockType::Class {
            // A class's names are not visible in its methods.
            new_global.extend(global.iter().cloned());
            if let Some(bound) = &bound {
                new_bound.extend(bound.iter().cloned());
            }
        }
        let mut context = NameContext {
            bound: bound.as_deref_mut(),
            local: Names::new(),
            free,
            global,
            type_params,
            scopes: HashMap::new(),
        };
        let symbols: Vec<(WStr, u32)> = self.table.block(id).symbols.iter().cloned().collect();
        for (name, bits) in &symbols {
            self.name(id, name, *bits, &mut context, class_entry)?;
        }
        let NameContext { local, mut scopes, .. } = context;
        let function_like = self.table.block(id).is_function_like();
        if kind == BlockType::Class {
            for name in ["__class__", "__classdict__", "__conditional_annotations__"] {
                new_bound.insert(WStr::from(name));
            }
        } else {
            if function_like {
                new_bound.extend(local.iter().cloned());
            }
            if let Some(bound) = &bound {
                new_bound.extend(bound.iter().cloned());
            }
            new_global.extend(global.iter().cloned());
        }
        let mut new_free = SortedNames::new();
        let mut inlined_cells = Names::new();
        for child in self.table.block(id).children.clone() {
            let child_free = self.child(
                id,
                child,
                &new_bound,
                &new_free,
                &new_global,
                type_params,
                class_entry,
                (&mut scopes, &mut inlined_cells),
            )?;
            new_free.extend(child_free);
        }
        self.splice_inlined_children(id);
        if function_like {
            find_cells(&mut scopes, &mut new_free, &inlined_cells);
        } else if kind == BlockType::Class {
            drop_class_free(self.table.block_mut(id), &mut new_free);
        }
        self.record(id, &scopes, bound.as_deref(), &new_free, &inlined_cells)?;
        free.extend(new_free);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn child(
        &mut self,
        id: BlockId,
        child: BlockId,
        bound: &Names,
        free: &SortedNames,
        global: &Names,
        type_params: &Names,
        class_entry: Option<BlockId>,
        (scopes, inlined_cells): (&mut HashMap<WStr, Scope>, &mut Names),
    ) -> Compiled<SortedNames> {
        let parent = self.table.block(id);
        let (parent_is_class, parent_sees_class) = (parent.kind == BlockType::Class, parent.can_see_class_scope);
        let entry = self.table.block(child);
        let new_class_entry = match entry.can_see_class_scope {
            true if parent_is_class => Some(id),
            true => class_entry,
            false => None,
        };
        let inline = entry.comprehension.is_some() && !entry.generator && !parent_sees_class;
        let mut child_bound = bound.clone();
        let mut child_free = free.clone();
        let mut child_global = global.clone();
        let mut child_params = type_params.clone();
        pyrs_parser::with_stack(|| {
            self.block(
                child,
                Some(&mut child_bound),
                &mut child_free,
                &mut child_global,
                &mut child_params,
                new_class_entry,
            )
        })?;
        if inline {
            self.inline_comprehension(id, child, scopes, &mut child_free, inlined_cells);
            self.table.block_mut(child).comp_inlined = true;
        }
        Ok(child_free)
    }

    fn name(
        &self,
        id: BlockId,
        name: &WStr,
        bits: u32,
        context: &mut NameContext<'_>,
        class_entry: Option<BlockId>,
    ) -> Compiled<()> {
        let scope = self.scope_of(id, name, bits, context, class_entry)?;
        context.scopes.insert(name.clone(), scope);
        Ok(())
    }

    fn scope_of(
        &self,
        id: BlockId,
        name: &WStr,
        bits: u32,
        context: &mut NameContext<'_>,
        class_entry: Option<BlockId>,
    ) -> Compiled<Scope> {
        let fail = |msg: String| Err(error_at(directive(self.table.block(id), name), msg));
        if bits & DEF_GLOBAL != 0 {
            if bits & DEF_NONLOCAL != 0 {
                return fail(format!("name '{name}' is nonlocal and global"));
            }
            context.global.insert(name.clone());
            if let Some(bound) = &mut context.bound {
                bound.remove(name);
            }
            return Ok(Scope::GlobalExplicit);
        }
        if bits & DEF_NONLOCAL != 0 {
            let Some(bound) = &context.bound else {
                return fail("nonlocal declaration not allowed at module level".into());
            };
            if !bound.contains(name) {
                return fail(format!("no binding for nonlocal '{name}' found"));
            }
            if context.type_params.contains(name) {
                return fail(format!("nonlocal binding not allowed for type parameter '{name}'"));
            }
            context.free.insert(name.clone());
            return Ok(Scope::Free);
        }
        if bits & DEF_BOUND != 0 {
            context.local.insert(name.clone());
            context.global.remove(name);
            if bits & DEF_TYPE_PARAM != 0 {
                context.type_params.insert(name.clone());
            } else {
                context.type_params.remove(name);
            }
            return Ok(Scope::Local);
        }
        if let Some(class) = class_entry {
            let class_bits = self.table.block(class).bits(name);
            if class_bits & DEF_GLOBAL != 0 {
                return Ok(Scope::GlobalExplicit);
            }
            if class_bits & DEF_BOUND != 0 && class_bits & DEF_NONLOCAL == 0 {
                return Ok(Scope::GlobalImplicit);
            }
        }
        if context.bound.as_ref().is_some_and(|bound| bound.contains(name)) {
            context.free.insert(name.clone());
            return Ok(Scope::Free);
        }
        Ok(Scope::GlobalImplicit)
    }

    /// Merges an inlined comprehension's names into the block around it.
    fn inline_comprehension(
        &mut self,
        id: BlockId,
        comprehension: BlockId,
        scopes: &mut HashMap<WStr, Scope>,
        comp_free: &mut SortedNames,
        inlined_cells: &mut Names,
    ) {
        let implicit = ["__class__", "__classdict__", "__conditional_annotations__"];
        let class_name = WStr::from("__class__");
        let mut remove_class = false;
        let outer_is_class = self.table.block(id).kind == BlockType::Class;
        let symbols: Vec<(WStr, u32)> = self.table.block(comprehension).symbols.iter().cloned().collect();
        for (name, bits) in symbols {
            if bits & DEF_PARAM != 0 {
                continue;
            }
            let mut scope = Scope::of(bits);
            let facts = bits & ((1 << SCOPE_OFFSET) - 1);
            if scope == Scope::Cell || facts & DEF_COMP_CELL != 0 {
                inlined_cells.insert(name.clone());
            }
            let is_implicit = implicit.iter().any(|known| name == *known);
            if scope == Scope::Free && outer_is_class && is_implicit {
                scope = Scope::GlobalImplicit;
                if !self.is_free_in_children(comprehension, &name) {
                    comp_free.remove(&name);
                }
                remove_class |= name == class_name;
            }
            let existing = self.table.block(id).symbols.get(&name).copied();
            match existing {
                None => {
                    self.table.block_mut(id).symbols.insert(name.clone(), facts);
                    scopes.insert(name, scope);
                }
                Some(outer) if outer & DEF_BOUND != 0 && !outer_is_class => {
                    if !self.is_free_in_children(comprehension, &name) {
                        comp_free.remove(&name);
                    }
                }
                Some(_) => {}
            }
        }
        if remove_class {
            self.table.block_mut(comprehension).symbols.remove(&class_name);
        }
    }

    fn is_free_in_children(&self, id: BlockId, name: &WStr) -> bool {
        let children = &self.table.block(id).children;
        children.iter().any(|child| self.table.block(*child).scope(name) == Scope::Free)
    }

    fn splice_inlined_children(&mut self, id: BlockId) {
        let children = std::mem::take(&mut self.table.block_mut(id).children);
        let mut spliced = Vec::with_capacity(children.len());
        for child in children {
            let entry = self.table.block(child);
            if entry.comp_inlined {
                spliced.extend(entry.children.iter().copied());
            } else {
                spliced.push(child);
            }
        }
        self.table.block_mut(id).children = spliced;
    }

    fn record(
        &mut self,
        id: BlockId,
        scopes: &HashMap<WStr, Scope>,
        bound: Option<&Names>,
        free: &SortedNames,
        inlined_cells: &Names,
    ) -> Compiled<()> {
        let block = self.table.block_mut(id);
        let class_like = block.kind == BlockType::Class || block.can_see_class_scope;
        for (name, bits) in block.symbols.iter_mut() {
            if inlined_cells.contains(name) {
                *bits |= DEF_COMP_CELL;
            }
            let scope = scopes.get(name).copied().unwrap_or(Scope::Unknown);
            *bits |= (scope as u32) << SCOPE_OFFSET;
        }
        for name in free {
            if let Some(bits) = block.symbols.get(name).copied() {
                if class_like {
                    block.symbols.insert(name.clone(), bits | DEF_FREE_CLASS);
                }
                continue;
            }
            if bound.is_some_and(|bound| !bound.contains(name)) {
                continue;
            }
            block.symbols.insert(name.clone(), (Scope::Free as u32) << SCOPE_OFFSET);
        }
        Ok(())
    }
}

fn directive(block: &Block, name: &WStr) -> pyrs_parser::ast::Location {
    let found = block.directives.iter().find(|(directive, _)| directive == name);
    found.map_or(block.location, |(_, location)| *location)
}

/// Locals that inner blocks use become cells.
fn find_cells(scopes: &mut HashMap<WStr, Scope>, free: &mut SortedNames, inlined_cells: &Names) {
    for (name, scope) in scopes.iter_mut() {
        if *scope != Scope::Local || (!free.contains(name) && !inlined_cells.contains(name)) {
            continue;
        }
        *scope = Scope::Cell;
        free.remove(name);
    }
}

/// A class provides `__class__` and its like to its methods itself.
fn drop_class_free(block: &mut Block, free: &mut SortedNames) {
    let mut drop_name = |name: &str| free.remove(&WStr::from(name));
    if drop_name("__class__") {
        block.needs_class_closure = true;
    }
    if drop_name("__classdict__") {
        block.needs_classdict = true;
    }
    if drop_name("__conditional_annotations__") {
        block.has_conditional_annotations = true;
    }
}
