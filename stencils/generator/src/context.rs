//! The context that makes a stencil of a micro-op: operands are holes, continuations are tail calls.

use cranelift_codegen::ir::types::{F64, I64};
use cranelift_codegen::ir::{
    AbiParam, Block, ExtFuncData, ExternalName, GlobalValueData, InstBuilder, MemFlagsData, Signature, Type,
    UserExternalName, Value,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use pyrs_semantics::{Context, End};
use pyrs_uops::{Depth, FLOAT_REGISTERS, INT_REGISTERS, Runtime, Uop, flags};

/// Name spaces of external names: what a relocation stands for.
pub mod space {
    pub const IMMEDIATE: u32 = 0;
    pub const CONTINUATION: u32 = 1;
    pub const RUNTIME: u32 = 2;
    pub const DEALLOC: u32 = 3;
}

/// Indices in [`space::CONTINUATION`].
pub mod continuation {
    pub const NEXT: u32 = 0;
    pub const EXIT: u32 = 1;
    pub const TOP: u32 = 2;
    pub const TRACE: u32 = 3;
    pub const LEAVE: u32 = 4;
}

/// Displacements that stand for holes: values that nothing else has. They fit the scaled offset of a 32-bit load on
/// AArch64.
pub const MARKERS: [i32; 4] = [0x3a00, 0x3b00, 0x3c00, 0x3d00];

/// Thread and `top`, in front of the cached entries.
const FIXED: usize = 2;

pub struct StencilContext<'f> {
    builder: FunctionBuilder<'f>,
    params: Vec<Value>,
    ints: Vec<Value>,
    floats: Vec<Value>,
    thread: Value,
    top: Value,
    exit: Option<Block>,
    ended: bool,
}

/// The parameters of a stencil: thread, top, words, doubles.
fn signature(ints: usize, floats: usize) -> Signature {
    let mut s = Signature::new(CallConv::Tail);
    s.params.extend((0..FIXED + ints).map(|_| AbiParam::new(I64)));
    s.params.extend((0..floats).map(|_| AbiParam::new(F64)));
    s
}

fn native_signature(args: usize, returns: bool, convention: CallConv) -> Signature {
    let mut s = Signature::new(convention);
    s.params.extend((0..args).map(|_| AbiParam::new(I64)));
    if returns {
        s.returns.push(AbiParam::new(I64));
    }
    s
}

impl<'f> StencilContext<'f> {
    pub fn new(mut builder: FunctionBuilder<'f>, uop: Uop, depth: Depth) -> StencilContext<'f> {
        let (uses_ints, uses_floats) = uop.uses();
        let calls = uop.has(flags::CALLS);
        let ints = if uses_ints || calls { depth.ints as usize } else { INT_REGISTERS };
        let floats = if uses_floats || calls { depth.floats as usize } else { FLOAT_REGISTERS };
        builder.func.signature = signature(ints, floats);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        let params = builder.block_params(block).to_vec();
        StencilContext {
            ints: params[FIXED..FIXED + ints].to_vec(),
            floats: params[FIXED + ints..].to_vec(),
            thread: params[0],
            top: params[1],
            params,
            builder,
            exit: None,
            ended: false,
        }
    }

    /// Goes on at the next micro-op and ends the function.
    pub fn finish(mut self, frontend: cranelift_codegen::isa::TargetFrontendConfig) {
        if !self.ended {
            let args = self.state();
            self.tail(continuation::NEXT, &args);
        }
        if let Some(block) = self.exit {
            self.builder.switch_to_block(block);
            let args = self.params.clone();
            self.tail(continuation::EXIT, &args);
        }
        self.builder.seal_all_blocks();
        self.builder.finalize(frontend);
    }

    /// The arguments of a continuation.
    fn state(&self) -> Vec<Value> {
        let mut args = vec![self.thread, self.top];
        args.extend(&self.ints);
        args.extend(&self.floats);
        args
    }

    /// A block that is as rare as the current one.
    fn successor(&mut self) -> Block {
        let current = self.builder.current_block().expect("a block is being filled");
        let block = self.builder.create_block();
        if self.builder.func.layout.is_cold(current) {
            self.builder.set_cold_block(block);
        }
        block
    }

    fn external(&mut self, namespace: u32, index: u32) -> ExternalName {
        let name = self.builder.func.declare_imported_user_function(UserExternalName { namespace, index });
        ExternalName::user(name)
    }

    fn tail(&mut self, index: u32, args: &[Value]) {
        let name = self.external(space::CONTINUATION, index);
        let mut s = Signature::new(CallConv::Tail);
        s.params.extend(args.iter().map(|a| AbiParam::new(self.builder.func.dfg.value_type(*a))));
        let signature = self.builder.import_signature(s);
        let function = self.builder.import_function(ExtFuncData { name, signature, colocated: true, patchable: false });
        self.builder.ins().return_call(function, args);
    }

    fn symbol(&mut self, namespace: u32, index: u32) -> Value {
        let name = self.external(namespace, index);
        let data = GlobalValueData::Symbol { name, offset: 0.into(), colocated: false, tls: false };
        let global = self.builder.create_global_value(data);
        self.builder.ins().symbol_value(I64, global)
    }

    /// The block that leaves the trace with the registers as they came.
    fn exit_block(&mut self) -> Block {
        if let Some(block) = self.exit {
            return block;
        }
        let block = self.builder.create_block();
        self.builder.set_cold_block(block);
        self.exit = Some(block);
        block
    }
}

impl<'f> Context<'f> for StencilContext<'f> {
    fn builder(&mut self) -> &mut FunctionBuilder<'f> {
        &mut self.builder
    }

    fn frame(&mut self) -> Value {
        self.builder.ins().get_pinned_reg(I64)
    }

    fn set_frame(&mut self, frame: Value) {
        self.builder.ins().set_pinned_reg(frame);
    }

    fn thread(&mut self) -> Value {
        self.thread
    }

    fn top(&mut self) -> Value {
        self.top
    }

    fn set_top(&mut self, top: Value) {
        self.top = top;
    }

    fn pop(&mut self) -> Value {
        self.ints.pop().expect("the table says how many words are popped")
    }

    fn push(&mut self, v: Value) {
        self.ints.push(v);
    }

    fn pop_float(&mut self) -> Value {
        self.floats.pop().expect("the table says how many doubles are popped")
    }

    fn push_float(&mut self, v: Value) {
        self.floats.push(v);
    }

    fn take_all(&mut self, floats: bool) -> Vec<Value> {
        std::mem::take(if floats { &mut self.floats } else { &mut self.ints })
    }

    fn immediate(&mut self, n: u8) -> Value {
        self.symbol(space::IMMEDIATE, n.into())
    }

    fn runtime(&mut self, what: Runtime) -> Value {
        self.symbol(space::RUNTIME, what as u32)
    }

    fn load(&mut self, ty: Type, base: Value, n: u8) -> Value {
        self.builder.ins().load(ty, MemFlagsData::trusted(), base, MARKERS[n as usize])
    }

    fn store(&mut self, v: Value, base: Value, n: u8) {
        self.builder.ins().store(MemFlagsData::trusted(), v, base, MARKERS[n as usize]);
    }

    fn guard(&mut self, condition: Value) {
        let exit = self.exit_block();
        let go_on = self.successor();
        self.builder.ins().brif(condition, go_on, &[], exit, &[]);
        self.builder.switch_to_block(go_on);
    }

    fn guard_not(&mut self, condition: Value) {
        let exit = self.exit_block();
        let go_on = self.successor();
        self.builder.ins().brif(condition, exit, &[], go_on, &[]);
        self.builder.switch_to_block(go_on);
    }

    fn destroy(&mut self, object: Value) {
        // A convention that saves every register: the call costs the main path nothing.
        let name = self.external(space::DEALLOC, 0);
        let signature = self.builder.import_signature(native_signature(1, false, CallConv::PreserveAll));
        let function = self.builder.import_function(ExtFuncData { name, signature, colocated: true, patchable: false });
        self.builder.ins().call(function, &[object]);
    }

    fn call(&mut self, function: Value, args: &[Value]) -> Value {
        let signature = self.builder.import_signature(native_signature(args.len(), true, CallConv::SystemV));
        let call = self.builder.ins().call_indirect(signature, function, args);
        self.builder.inst_results(call)[0]
    }

    fn end(&mut self, end: End) {
        let mut args = self.state();
        let index = match end {
            End::Top => continuation::TOP,
            End::Trace => continuation::TRACE,
            End::Leave(operand) => {
                args = vec![self.thread, self.top, operand];
                continuation::LEAVE
            }
        };
        self.tail(index, &args);
        self.ended = true;
    }
}
