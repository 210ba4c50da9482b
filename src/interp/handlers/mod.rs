//! The handlers of all opcodes, one function each, in families. [`of`] names the handler of every opcode; an
//! opcode without one does not compile. The contract they rest on is stated in [`crate::dispatch`].

pub mod arithmetic;
pub mod attributes;
pub mod build;
pub mod calls;
pub mod comparison;
pub mod consumers;
pub mod exceptions;
pub mod generators;
pub mod iteration;
pub mod jumps;
pub mod locals;
pub mod misc;
pub mod names;
pub mod returns;
pub mod subscripts;

use crate::dispatch::Handler;
use pyrs_bytecode::Opcode;

/// The handler of an opcode.
pub const fn of(opcode: Opcode) -> Handler {
    use Opcode::*;
    match opcode {
        Nop | NotTaken | Cache => misc::nop,
        Resume => misc::resume,
        ResumeCheck => misc::resume_check,
        ResumeCheckJit => misc::resume_check_jit,
        EnterFunction => misc::enter_function,
        ExtendedArg => misc::extended_arg,
        ImportName => misc::import_name,
        ImportFrom => misc::import_from,
        MatchClass => misc::match_class,
        MatchMapping => misc::match_mapping,
        MatchSequence => misc::match_sequence,
        MatchKeys => misc::match_keys,
        CallIntrinsic1 => misc::call_intrinsic_1,
        CallIntrinsic2 => misc::call_intrinsic_2,
        InterpreterExit => misc::interpreter_exit,

        LoadFast => locals::load_fast,
        LoadFastBorrow => locals::load_fast_borrow,
        LoadFastLoadFast => locals::load_fast_load_fast,
        LoadFastBorrowLoadFastBorrow => locals::load_fast_borrow_load_fast_borrow,
        LoadFastCheck => locals::load_fast_check,
        LoadFastAndClear => locals::load_fast_and_clear,
        StoreFast => locals::store_fast,
        StoreFastLoadFast => locals::store_fast_load_fast,
        StoreFastStoreFast => locals::store_fast_store_fast,
        DeleteFast => locals::delete_fast,
        LoadConst => locals::load_const,
        LoadConstMortal => locals::load_const_mortal,
        LoadConstImmortal => locals::load_const_immortal,
        LoadSmallInt => locals::load_small_int,
        LoadCommonConstant => locals::load_common_constant,
        MakeCell => locals::make_cell,
        CopyFreeVars => locals::copy_free_vars,
        LoadDeref => locals::load_deref,
        StoreDeref => locals::store_deref,
        DeleteDeref => locals::delete_deref,
        LoadFromDictOrDeref => locals::load_from_dict_or_deref,
        PopTop | EndFor | PopIter => locals::pop_top,
        PushNull => locals::push_null,
        Copy => locals::copy,
        Swap => locals::swap,
        EndSend => locals::end_send,

        BinaryOp => arithmetic::binary_op,
        BinaryOpAddInt => arithmetic::add_int,
        BinaryOpSubtractInt => arithmetic::subtract_int,
        BinaryOpMultiplyInt => arithmetic::multiply_int,
        BinaryOpAddFloat => arithmetic::add_float,
        BinaryOpSubtractFloat => arithmetic::subtract_float,
        BinaryOpMultiplyFloat => arithmetic::multiply_float,
        BinaryOpAddUnicode => arithmetic::add_unicode,
        BinaryOpInplaceAddUnicode => arithmetic::inplace_add_unicode,
        BinaryOpExtend => arithmetic::extend,
        UnaryNegative => arithmetic::unary_negative,
        UnaryInvert => arithmetic::unary_invert,
        UnaryNot => arithmetic::unary_not,
        ToBool => arithmetic::to_bool,
        ToBoolBool => arithmetic::to_bool_bool,
        ToBoolInt => arithmetic::to_bool_int,
        ToBoolList => arithmetic::to_bool_list,
        ToBoolNone => arithmetic::to_bool_none,
        ToBoolStr => arithmetic::to_bool_str,
        ToBoolAlwaysTrue => arithmetic::to_bool_always_true,

        CompareOp => comparison::compare_op,
        CompareOpInt => comparison::compare_op_int,
        CompareOpFloat => comparison::compare_op_float,
        CompareOpStr => comparison::compare_op_str,
        IsOp => comparison::is_op,
        ContainsOp => comparison::contains_op,
        ContainsOpDict => comparison::contains_op_dict,
        ContainsOpSet => comparison::contains_op_set,

        BinaryOpSubscrListInt => subscripts::list_int,
        BinaryOpSubscrTupleInt => subscripts::tuple_int,
        BinaryOpSubscrStrInt => subscripts::str_int,
        BinaryOpSubscrDict => subscripts::dict,
        BinaryOpSubscrListSlice => subscripts::list_slice,
        BinaryOpSubscrGetitem => subscripts::python_getitem,
        BinarySlice => subscripts::binary_slice,
        StoreSlice => subscripts::store_slice,
        StoreSubscr => subscripts::store_subscr,
        StoreSubscrListInt => subscripts::store_list_int,
        StoreSubscrDict => subscripts::store_dict,
        DeleteSubscr => subscripts::delete_subscr,

        JumpForward => jumps::jump_forward,
        JumpBackward => jumps::jump_backward,
        JumpBackwardNoJit => jumps::jump_backward_no_jit,
        JumpBackwardJit => jumps::jump_backward_jit,
        EnterExecutor => jumps::enter_executor,
        JumpBackwardNoInterrupt => jumps::jump_backward_no_interrupt,
        PopJumpIfFalse => jumps::pop_jump_if_false,
        PopJumpIfTrue => jumps::pop_jump_if_true,
        PopJumpIfNone => jumps::pop_jump_if_none,
        PopJumpIfNotNone => jumps::pop_jump_if_not_none,

        GetIter => iteration::get_iter,
        ForIter => iteration::for_iter,
        ForIterList => iteration::for_iter_list,
        ForIterTuple => iteration::for_iter_tuple,
        ForIterRange => iteration::for_iter_range,
        ForIterGen => iteration::for_iter_gen,
        UnpackSequence => iteration::unpack_sequence,
        UnpackSequenceTuple => iteration::unpack_sequence_tuple,
        UnpackSequenceTwoTuple => iteration::unpack_sequence_two_tuple,
        UnpackSequenceList => iteration::unpack_sequence_list,
        UnpackEx => iteration::unpack_ex,
        GetLen => iteration::get_len,
        GetAiter => iteration::get_aiter,
        GetAnext => iteration::get_anext,

        LoadGlobal => names::load_global,
        LoadGlobalModule => names::load_global_module,
        LoadGlobalBuiltin => names::load_global_builtin,
        LoadName => names::load_name,
        StoreName => names::store_name,
        DeleteName => names::delete_name,
        StoreGlobal => names::store_global,
        DeleteGlobal => names::delete_global,
        LoadLocals => names::load_locals,
        LoadFromDictOrGlobals => names::load_from_dict_or_globals,
        LoadBuildClass => names::load_build_class,
        SetupAnnotations => names::setup_annotations,

        LoadAttr => attributes::load_attr,
        LoadAttrGetattributeOverridden => attributes::getattribute_overridden,
        LoadAttrInstanceValue => attributes::instance_value,
        LoadAttrMethodWithValues => attributes::method_with_values,
        LoadAttrMethodNoDict => attributes::method_no_dict,
        LoadAttrMethodLazyDict => attributes::method_lazy_dict,
        LoadAttrModule => attributes::module,
        LoadAttrClass => attributes::class,
        LoadAttrClassWithMetaclassCheck => attributes::class_with_metaclass_check,
        LoadAttrNondescriptorNoDict => attributes::nondescriptor_no_dict,
        LoadAttrNondescriptorWithValues => attributes::nondescriptor_with_values,
        LoadAttrProperty => attributes::property,
        LoadAttrSlot => attributes::slot,
        LoadAttrWithHint => attributes::with_hint,
        StoreAttr => attributes::store_attr,
        StoreAttrInstanceValue => attributes::store_instance_value,
        StoreAttrSlot => attributes::store_slot,
        StoreAttrWithHint => attributes::store_with_hint,
        DeleteAttr => attributes::delete_attr,
        LoadSuperAttr => attributes::load_super_attr,
        LoadSuperAttrAttr => attributes::super_attr_attr,
        LoadSuperAttrMethod => attributes::super_attr_method,
        LoadSpecial => attributes::load_special,

        BuildTuple => build::build_tuple,
        BuildList => build::build_list,
        BuildSet => build::build_set,
        BuildMap => build::build_map,
        BuildString => build::build_string,
        BuildSlice => build::build_slice,
        BuildInterpolation => build::build_interpolation,
        BuildTemplate => build::build_template,
        ListAppend => build::list_append,
        ListExtend => build::list_extend,
        SetAdd => build::set_add,
        SetUpdate => build::set_update,
        MapAdd => build::map_add,
        DictUpdate => build::dict_update,
        DictMerge => build::dict_merge,
        ConvertValue => build::convert_value,
        FormatSimple => build::format_simple,
        FormatWithSpec => build::format_with_spec,
        MakeFunction => build::make_function,
        SetFunctionAttribute => build::set_function_attribute,

        Call => calls::call,
        CallPyExactArgs => calls::py_exact_args,
        CallPyGeneral => calls::py_general,
        CallBoundMethodExactArgs => calls::bound_method_exact_args,
        CallBoundMethodGeneral => calls::bound_method_general,
        CallAllocAndEnterInit => calls::alloc_and_enter_init,
        CallBuiltinClass | CallStr1 | CallTuple1 => calls::builtin_class,
        CallBuiltinFast | CallBuiltinO | CallBuiltinFastWithKeywords => calls::builtin,
        CallMethodDescriptorFast
        | CallMethodDescriptorO
        | CallMethodDescriptorNoargs
        | CallMethodDescriptorFastWithKeywords => calls::method_descriptor,
        CallLen => calls::len,
        CallIsinstance => calls::isinstance,
        CallListAppend => calls::list_append,
        CallType1 => calls::type_1,
        CallNonPyGeneral => calls::non_py_general,
        CallKw => calls::call_kw,
        CallKwPy => calls::kw_py,
        CallKwBoundMethod => calls::kw_bound_method,
        CallKwNonPy => calls::kw_non_py,
        CallFunctionEx => calls::call_function_ex,
        ExitInitCheck => calls::exit_init_check,

        ReturnValue => returns::return_value,
        ReturnGenerator => returns::return_generator,
        YieldValue => returns::yield_value,

        Send => generators::send,
        SendGen => generators::send_gen,
        GetAwaitable => generators::get_awaitable,
        GetYieldFromIter => generators::get_yield_from_iter,
        CleanupThrow => generators::cleanup_throw,
        EndAsyncFor => generators::end_async_for,

        PushExcInfo => exceptions::push_exc_info,
        PopExcept => exceptions::pop_except,
        CheckExcMatch => exceptions::check_exc_match,
        CheckEgMatch => exceptions::check_eg_match,
        RaiseVarargs => exceptions::raise_varargs,
        Reraise => exceptions::reraise,
        WithExceptStart => exceptions::with_except_start,

        Reserved => misc::unknown,
        InstrumentedEndFor
        | InstrumentedPopIter
        | InstrumentedEndSend
        | InstrumentedForIter
        | InstrumentedInstruction
        | InstrumentedJumpForward
        | InstrumentedNotTaken
        | InstrumentedPopJumpIfTrue
        | InstrumentedPopJumpIfFalse
        | InstrumentedPopJumpIfNone
        | InstrumentedPopJumpIfNotNone
        | InstrumentedResume
        | InstrumentedReturnValue
        | InstrumentedYieldValue
        | InstrumentedEndAsyncFor
        | InstrumentedLoadSuperAttr
        | InstrumentedCall
        | InstrumentedCallKw
        | InstrumentedCallFunctionEx
        | InstrumentedJumpBackward
        | InstrumentedLine => misc::instrumented,
    }
}
