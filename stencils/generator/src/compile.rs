//! One micro-op, compiled by Cranelift.

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function};
use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use pyrs_uops::{Depth, Uop};

use crate::Target;
use crate::context::StencilContext;

/// Machine code as Cranelift gives it.
pub struct Code {
    pub name: String,
    pub bytes: Vec<u8>,
    pub relocations: Vec<Relocation>,
}

pub struct Relocation {
    pub offset: usize,
    pub kind: Reloc,
    /// Name space and index of the symbol, see [`crate::context`].
    pub symbol: (u32, u32),
    pub addend: i64,
}

pub fn isa(target: Target) -> OwnedTargetIsa {
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
        ("preserve_frame_pointers", "true"),
        // The frame has a register of its own.
        ("enable_pinned_reg", "true"),
        ("unwind_info", "false"),
        ("is_pic", "false"),
        ("enable_probestack", "false"),
    ] {
        flags.set(name, value).expect("a setting of this version");
    }
    isa::lookup_by_name(target.triple())
        .expect("the target is compiled in")
        .finish(settings::Flags::new(flags))
        .expect("the settings fit together")
}

pub fn stencil(isa: &dyn TargetIsa, uop: Uop, depth: Depth) -> Code {
    let name = format!("{} {}/{}", uop.info().name, depth.ints, depth.floats);
    let mut context = Context::for_function(Function::new());
    let mut builders = FunctionBuilderContext::new();
    let builder = FunctionBuilder::new(&mut context.func, &mut builders);
    let mut c = StencilContext::new(builder, uop, depth);
    pyrs_semantics::emit(uop, &mut c);
    c.finish(isa.frontend_config());
    let compiled = match context.compile(isa, &mut ControlPlane::default()) {
        Ok(compiled) => compiled.clone(),
        Err(e) => panic!("{name}: {:?}", e.inner),
    };
    let names = context.func.params.user_named_funcs();
    let relocations = compiled.buffer.relocs().iter().map(|r| {
        let FinalizedRelocTarget::ExternalName(ExternalName::User(symbol)) = r.target else {
            panic!("{name}: a relocation against {:?}", r.target)
        };
        let symbol = &names[symbol];
        Relocation {
            offset: r.offset as usize,
            kind: r.kind,
            symbol: (symbol.namespace, symbol.index),
            addend: r.addend,
        }
    });
    Code { relocations: relocations.collect(), bytes: compiled.buffer.data().to_vec(), name }
}
