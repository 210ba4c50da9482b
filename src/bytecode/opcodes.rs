//! The opcode table: every opcode of CPython 3.14, real, specialized, instrumented and pseudo.
//!
//! `for_each_opcode!` hands the rows to any macro, so that the enum, the metadata, the
//! interpreter's dispatch and the dump printers derive from one declaration.
//!
//! A row is `(Variant, "NAME", number, caches, [FLAGS], popped, pushed, Base)`.  `popped` and
//! `pushed` are functions of the oparg; for a jump they describe the fall-through path.  `Base`
//! is the opcode that a specialized or instrumented one stands for.

/// Calls `$callback!` with one row per opcode that can occur in a code object, then, after
/// `pseudo:`, one per opcode that only the compiler sees.
#[macro_export]
macro_rules! for_each_opcode {
    ($callback:ident) => {
        $callback! {
            (Cache, "CACHE", 0, 0, [], |_| 0, |_| 0, Cache);
            (BinarySlice, "BINARY_SLICE", 1, 0, [], |_| 3, |_| 1, BinarySlice);
            (BuildTemplate, "BUILD_TEMPLATE", 2, 0, [], |_| 2, |_| 1, BuildTemplate);
            (BinaryOpInplaceAddUnicode, "BINARY_OP_INPLACE_ADD_UNICODE", 3, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (CallFunctionEx, "CALL_FUNCTION_EX", 4, 0, [], |_| 4, |_| 1, CallFunctionEx);
            (CheckEgMatch, "CHECK_EG_MATCH", 5, 0, [], |_| 2, |_| 2, CheckEgMatch);
            (CheckExcMatch, "CHECK_EXC_MATCH", 6, 0, [], |_| 2, |_| 2, CheckExcMatch);
            (CleanupThrow, "CLEANUP_THROW", 7, 0, [], |_| 3, |_| 2, CleanupThrow);
            (DeleteSubscr, "DELETE_SUBSCR", 8, 0, [], |_| 2, |_| 0, DeleteSubscr);
            (EndFor, "END_FOR", 9, 0, [], |_| 1, |_| 0, EndFor);
            (EndSend, "END_SEND", 10, 0, [], |_| 2, |_| 1, EndSend);
            (ExitInitCheck, "EXIT_INIT_CHECK", 11, 0, [], |_| 1, |_| 0, ExitInitCheck);
            (FormatSimple, "FORMAT_SIMPLE", 12, 0, [], |_| 1, |_| 1, FormatSimple);
            (FormatWithSpec, "FORMAT_WITH_SPEC", 13, 0, [], |_| 2, |_| 1, FormatWithSpec);
            (GetAiter, "GET_AITER", 14, 0, [], |_| 1, |_| 1, GetAiter);
            (GetAnext, "GET_ANEXT", 15, 0, [], |_| 1, |_| 2, GetAnext);
            (GetIter, "GET_ITER", 16, 0, [], |_| 1, |_| 1, GetIter);
            (Reserved, "RESERVED", 17, 0, [], |_| 0, |_| 0, Reserved);
            (GetLen, "GET_LEN", 18, 0, [], |_| 1, |_| 2, GetLen);
            (GetYieldFromIter, "GET_YIELD_FROM_ITER", 19, 0, [], |_| 1, |_| 1, GetYieldFromIter);
            (InterpreterExit, "INTERPRETER_EXIT", 20, 0, [], |_| 1, |_| 0, InterpreterExit);
            (LoadBuildClass, "LOAD_BUILD_CLASS", 21, 0, [], |_| 0, |_| 1, LoadBuildClass);
            (LoadLocals, "LOAD_LOCALS", 22, 0, [], |_| 0, |_| 1, LoadLocals);
            (MakeFunction, "MAKE_FUNCTION", 23, 0, [], |_| 1, |_| 1, MakeFunction);
            (MatchKeys, "MATCH_KEYS", 24, 0, [], |_| 2, |_| 3, MatchKeys);
            (MatchMapping, "MATCH_MAPPING", 25, 0, [], |_| 1, |_| 2, MatchMapping);
            (MatchSequence, "MATCH_SEQUENCE", 26, 0, [], |_| 1, |_| 2, MatchSequence);
            (Nop, "NOP", 27, 0, [], |_| 0, |_| 0, Nop);
            (NotTaken, "NOT_TAKEN", 28, 0, [], |_| 0, |_| 0, NotTaken);
            (PopExcept, "POP_EXCEPT", 29, 0, [], |_| 1, |_| 0, PopExcept);
            (PopIter, "POP_ITER", 30, 0, [], |_| 1, |_| 0, PopIter);
            (PopTop, "POP_TOP", 31, 0, [], |_| 1, |_| 0, PopTop);
            (PushExcInfo, "PUSH_EXC_INFO", 32, 0, [], |_| 1, |_| 2, PushExcInfo);
            (PushNull, "PUSH_NULL", 33, 0, [], |_| 0, |_| 1, PushNull);
            (ReturnGenerator, "RETURN_GENERATOR", 34, 0, [], |_| 0, |_| 1, ReturnGenerator);
            (ReturnValue, "RETURN_VALUE", 35, 0, [], |_| 1, |_| 1, ReturnValue);
            (SetupAnnotations, "SETUP_ANNOTATIONS", 36, 0, [], |_| 0, |_| 0, SetupAnnotations);
            (StoreSlice, "STORE_SLICE", 37, 0, [], |_| 4, |_| 0, StoreSlice);
            (StoreSubscr, "STORE_SUBSCR", 38, 1, [], |_| 3, |_| 0, StoreSubscr);
            (ToBool, "TO_BOOL", 39, 3, [], |_| 1, |_| 1, ToBool);
            (UnaryInvert, "UNARY_INVERT", 40, 0, [], |_| 1, |_| 1, UnaryInvert);
            (UnaryNegative, "UNARY_NEGATIVE", 41, 0, [], |_| 1, |_| 1, UnaryNegative);
            (UnaryNot, "UNARY_NOT", 42, 0, [], |_| 1, |_| 1, UnaryNot);
            (WithExceptStart, "WITH_EXCEPT_START", 43, 0, [], |_| 5, |_| 6, WithExceptStart);
            (BinaryOp, "BINARY_OP", 44, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BuildInterpolation, "BUILD_INTERPOLATION", 45, 0, [ARG], |n| 2 + (n & 1), |_| 1, BuildInterpolation);
            (BuildList, "BUILD_LIST", 46, 0, [ARG], |n| n, |_| 1, BuildList);
            (BuildMap, "BUILD_MAP", 47, 0, [ARG], |n| n * 2, |_| 1, BuildMap);
            (BuildSet, "BUILD_SET", 48, 0, [ARG], |n| n, |_| 1, BuildSet);
            (BuildSlice, "BUILD_SLICE", 49, 0, [ARG], |n| n, |_| 1, BuildSlice);
            (BuildString, "BUILD_STRING", 50, 0, [ARG], |n| n, |_| 1, BuildString);
            (BuildTuple, "BUILD_TUPLE", 51, 0, [ARG], |n| n, |_| 1, BuildTuple);
            (Call, "CALL", 52, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallIntrinsic1, "CALL_INTRINSIC_1", 53, 0, [ARG], |_| 1, |_| 1, CallIntrinsic1);
            (CallIntrinsic2, "CALL_INTRINSIC_2", 54, 0, [ARG], |_| 2, |_| 1, CallIntrinsic2);
            (CallKw, "CALL_KW", 55, 3, [ARG], |n| n + 3, |_| 1, CallKw);
            (CompareOp, "COMPARE_OP", 56, 1, [ARG], |_| 2, |_| 1, CompareOp);
            (ContainsOp, "CONTAINS_OP", 57, 1, [ARG], |_| 2, |_| 1, ContainsOp);
            (ConvertValue, "CONVERT_VALUE", 58, 0, [ARG], |_| 1, |_| 1, ConvertValue);
            (Copy, "COPY", 59, 0, [ARG], |n| n, |n| n + 1, Copy);
            (CopyFreeVars, "COPY_FREE_VARS", 60, 0, [ARG], |_| 0, |_| 0, CopyFreeVars);
            (DeleteAttr, "DELETE_ATTR", 61, 0, [ARG NAME], |_| 1, |_| 0, DeleteAttr);
            (DeleteDeref, "DELETE_DEREF", 62, 0, [ARG FREE], |_| 0, |_| 0, DeleteDeref);
            (DeleteFast, "DELETE_FAST", 63, 0, [ARG LOCAL], |_| 0, |_| 0, DeleteFast);
            (DeleteGlobal, "DELETE_GLOBAL", 64, 0, [ARG NAME], |_| 0, |_| 0, DeleteGlobal);
            (DeleteName, "DELETE_NAME", 65, 0, [ARG NAME], |_| 0, |_| 0, DeleteName);
            (DictMerge, "DICT_MERGE", 66, 0, [ARG], |n| n + 4, |n| n + 3, DictMerge);
            (DictUpdate, "DICT_UPDATE", 67, 0, [ARG], |n| n + 1, |n| n, DictUpdate);
            (EndAsyncFor, "END_ASYNC_FOR", 68, 0, [ARG JUMP], |_| 2, |_| 0, EndAsyncFor);
            (ExtendedArg, "EXTENDED_ARG", 69, 0, [ARG], |_| 0, |_| 0, ExtendedArg);
            (ForIter, "FOR_ITER", 70, 1, [ARG JUMP], |_| 1, |_| 2, ForIter);
            (GetAwaitable, "GET_AWAITABLE", 71, 0, [ARG], |_| 1, |_| 1, GetAwaitable);
            (ImportFrom, "IMPORT_FROM", 72, 0, [ARG NAME], |_| 1, |_| 2, ImportFrom);
            (ImportName, "IMPORT_NAME", 73, 0, [ARG NAME], |_| 2, |_| 1, ImportName);
            (IsOp, "IS_OP", 74, 0, [ARG], |_| 2, |_| 1, IsOp);
            (JumpBackward, "JUMP_BACKWARD", 75, 1, [ARG JUMP], |_| 0, |_| 0, JumpBackward);
            (JumpBackwardNoInterrupt, "JUMP_BACKWARD_NO_INTERRUPT", 76, 0, [ARG JUMP], |_| 0, |_| 0, JumpBackwardNoInterrupt);
            (JumpForward, "JUMP_FORWARD", 77, 0, [ARG JUMP], |_| 0, |_| 0, JumpForward);
            (ListAppend, "LIST_APPEND", 78, 0, [ARG], |n| n + 1, |n| n, ListAppend);
            (ListExtend, "LIST_EXTEND", 79, 0, [ARG], |n| n + 1, |n| n, ListExtend);
            (LoadAttr, "LOAD_ATTR", 80, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadCommonConstant, "LOAD_COMMON_CONSTANT", 81, 0, [ARG], |_| 0, |_| 1, LoadCommonConstant);
            (LoadConst, "LOAD_CONST", 82, 0, [ARG CONST], |_| 0, |_| 1, LoadConst);
            (LoadDeref, "LOAD_DEREF", 83, 0, [ARG LOCAL], |_| 0, |_| 1, LoadDeref);
            (LoadFast, "LOAD_FAST", 84, 0, [ARG LOCAL], |_| 0, |_| 1, LoadFast);
            (LoadFastAndClear, "LOAD_FAST_AND_CLEAR", 85, 0, [ARG LOCAL], |_| 0, |_| 1, LoadFastAndClear);
            (LoadFastBorrow, "LOAD_FAST_BORROW", 86, 0, [ARG LOCAL], |_| 0, |_| 1, LoadFastBorrow);
            (LoadFastBorrowLoadFastBorrow, "LOAD_FAST_BORROW_LOAD_FAST_BORROW", 87, 0, [ARG LOCAL], |_| 0, |_| 2, LoadFastBorrowLoadFastBorrow);
            (LoadFastCheck, "LOAD_FAST_CHECK", 88, 0, [ARG LOCAL], |_| 0, |_| 1, LoadFastCheck);
            (LoadFastLoadFast, "LOAD_FAST_LOAD_FAST", 89, 0, [ARG LOCAL], |_| 0, |_| 2, LoadFastLoadFast);
            (LoadFromDictOrDeref, "LOAD_FROM_DICT_OR_DEREF", 90, 0, [ARG FREE], |_| 1, |_| 1, LoadFromDictOrDeref);
            (LoadFromDictOrGlobals, "LOAD_FROM_DICT_OR_GLOBALS", 91, 0, [ARG NAME], |_| 1, |_| 1, LoadFromDictOrGlobals);
            (LoadGlobal, "LOAD_GLOBAL", 92, 4, [ARG NAME], |_| 0, |n| 1 + (n & 1), LoadGlobal);
            (LoadName, "LOAD_NAME", 93, 0, [ARG NAME], |_| 0, |_| 1, LoadName);
            (LoadSmallInt, "LOAD_SMALL_INT", 94, 0, [ARG], |_| 0, |_| 1, LoadSmallInt);
            (LoadSpecial, "LOAD_SPECIAL", 95, 0, [ARG], |_| 1, |_| 2, LoadSpecial);
            (LoadSuperAttr, "LOAD_SUPER_ATTR", 96, 1, [ARG NAME], |_| 3, |n| 1 + (n & 1), LoadSuperAttr);
            (MakeCell, "MAKE_CELL", 97, 0, [ARG FREE], |_| 0, |_| 0, MakeCell);
            (MapAdd, "MAP_ADD", 98, 0, [ARG], |n| n + 2, |n| n, MapAdd);
            (MatchClass, "MATCH_CLASS", 99, 0, [ARG], |_| 3, |_| 1, MatchClass);
            (PopJumpIfFalse, "POP_JUMP_IF_FALSE", 100, 1, [ARG JUMP], |_| 1, |_| 0, PopJumpIfFalse);
            (PopJumpIfNone, "POP_JUMP_IF_NONE", 101, 1, [ARG JUMP], |_| 1, |_| 0, PopJumpIfNone);
            (PopJumpIfNotNone, "POP_JUMP_IF_NOT_NONE", 102, 1, [ARG JUMP], |_| 1, |_| 0, PopJumpIfNotNone);
            (PopJumpIfTrue, "POP_JUMP_IF_TRUE", 103, 1, [ARG JUMP], |_| 1, |_| 0, PopJumpIfTrue);
            (RaiseVarargs, "RAISE_VARARGS", 104, 0, [ARG], |n| n, |_| 0, RaiseVarargs);
            (Reraise, "RERAISE", 105, 0, [ARG], |n| n + 1, |n| n, Reraise);
            (Send, "SEND", 106, 1, [ARG JUMP], |_| 2, |_| 2, Send);
            (SetAdd, "SET_ADD", 107, 0, [ARG], |n| n + 1, |n| n, SetAdd);
            (SetFunctionAttribute, "SET_FUNCTION_ATTRIBUTE", 108, 0, [ARG], |_| 2, |_| 1, SetFunctionAttribute);
            (SetUpdate, "SET_UPDATE", 109, 0, [ARG], |n| n + 1, |n| n, SetUpdate);
            (StoreAttr, "STORE_ATTR", 110, 4, [ARG NAME], |_| 2, |_| 0, StoreAttr);
            (StoreDeref, "STORE_DEREF", 111, 0, [ARG FREE], |_| 1, |_| 0, StoreDeref);
            (StoreFast, "STORE_FAST", 112, 0, [ARG LOCAL], |_| 1, |_| 0, StoreFast);
            (StoreFastLoadFast, "STORE_FAST_LOAD_FAST", 113, 0, [ARG LOCAL], |_| 1, |_| 1, StoreFastLoadFast);
            (StoreFastStoreFast, "STORE_FAST_STORE_FAST", 114, 0, [ARG LOCAL], |_| 2, |_| 0, StoreFastStoreFast);
            (StoreGlobal, "STORE_GLOBAL", 115, 0, [ARG NAME], |_| 1, |_| 0, StoreGlobal);
            (StoreName, "STORE_NAME", 116, 0, [ARG NAME], |_| 1, |_| 0, StoreName);
            (Swap, "SWAP", 117, 0, [ARG], |n| n, |n| n, Swap);
            (UnpackEx, "UNPACK_EX", 118, 0, [ARG], |_| 1, |n| 1 + (n & 0xff) + (n >> 8), UnpackEx);
            (UnpackSequence, "UNPACK_SEQUENCE", 119, 1, [ARG], |_| 1, |n| n, UnpackSequence);
            (YieldValue, "YIELD_VALUE", 120, 0, [ARG], |_| 1, |_| 1, YieldValue);
            (Resume, "RESUME", 128, 0, [ARG], |_| 0, |_| 0, Resume);
            (BinaryOpAddFloat, "BINARY_OP_ADD_FLOAT", 129, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpAddInt, "BINARY_OP_ADD_INT", 130, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpAddUnicode, "BINARY_OP_ADD_UNICODE", 131, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpExtend, "BINARY_OP_EXTEND", 132, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpMultiplyFloat, "BINARY_OP_MULTIPLY_FLOAT", 133, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpMultiplyInt, "BINARY_OP_MULTIPLY_INT", 134, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpSubscrDict, "BINARY_OP_SUBSCR_DICT", 135, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpSubscrGetitem, "BINARY_OP_SUBSCR_GETITEM", 136, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpSubscrListInt, "BINARY_OP_SUBSCR_LIST_INT", 137, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpSubscrListSlice, "BINARY_OP_SUBSCR_LIST_SLICE", 138, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpSubscrStrInt, "BINARY_OP_SUBSCR_STR_INT", 139, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpSubscrTupleInt, "BINARY_OP_SUBSCR_TUPLE_INT", 140, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpSubtractFloat, "BINARY_OP_SUBTRACT_FLOAT", 141, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (BinaryOpSubtractInt, "BINARY_OP_SUBTRACT_INT", 142, 5, [ARG], |_| 2, |_| 1, BinaryOp);
            (CallAllocAndEnterInit, "CALL_ALLOC_AND_ENTER_INIT", 143, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallBoundMethodExactArgs, "CALL_BOUND_METHOD_EXACT_ARGS", 144, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallBoundMethodGeneral, "CALL_BOUND_METHOD_GENERAL", 145, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallBuiltinClass, "CALL_BUILTIN_CLASS", 146, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallBuiltinFast, "CALL_BUILTIN_FAST", 147, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallBuiltinFastWithKeywords, "CALL_BUILTIN_FAST_WITH_KEYWORDS", 148, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallBuiltinO, "CALL_BUILTIN_O", 149, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallIsinstance, "CALL_ISINSTANCE", 150, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallKwBoundMethod, "CALL_KW_BOUND_METHOD", 151, 3, [ARG], |n| n + 3, |_| 1, CallKw);
            (CallKwNonPy, "CALL_KW_NON_PY", 152, 3, [ARG], |n| n + 3, |_| 1, CallKw);
            (CallKwPy, "CALL_KW_PY", 153, 3, [ARG], |n| n + 3, |_| 1, CallKw);
            (CallLen, "CALL_LEN", 154, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallListAppend, "CALL_LIST_APPEND", 155, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallMethodDescriptorFast, "CALL_METHOD_DESCRIPTOR_FAST", 156, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallMethodDescriptorFastWithKeywords, "CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS", 157, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallMethodDescriptorNoargs, "CALL_METHOD_DESCRIPTOR_NOARGS", 158, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallMethodDescriptorO, "CALL_METHOD_DESCRIPTOR_O", 159, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallNonPyGeneral, "CALL_NON_PY_GENERAL", 160, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallPyExactArgs, "CALL_PY_EXACT_ARGS", 161, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallPyGeneral, "CALL_PY_GENERAL", 162, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallStr1, "CALL_STR_1", 163, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallTuple1, "CALL_TUPLE_1", 164, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CallType1, "CALL_TYPE_1", 165, 3, [ARG], |n| n + 2, |_| 1, Call);
            (CompareOpFloat, "COMPARE_OP_FLOAT", 166, 1, [ARG], |_| 2, |_| 1, CompareOp);
            (CompareOpInt, "COMPARE_OP_INT", 167, 1, [ARG], |_| 2, |_| 1, CompareOp);
            (CompareOpStr, "COMPARE_OP_STR", 168, 1, [ARG], |_| 2, |_| 1, CompareOp);
            (ContainsOpDict, "CONTAINS_OP_DICT", 169, 1, [ARG], |_| 2, |_| 1, ContainsOp);
            (ContainsOpSet, "CONTAINS_OP_SET", 170, 1, [ARG], |_| 2, |_| 1, ContainsOp);
            (ForIterGen, "FOR_ITER_GEN", 171, 1, [ARG JUMP], |_| 1, |_| 2, ForIter);
            (ForIterList, "FOR_ITER_LIST", 172, 1, [ARG JUMP], |_| 1, |_| 2, ForIter);
            (ForIterRange, "FOR_ITER_RANGE", 173, 1, [ARG JUMP], |_| 1, |_| 2, ForIter);
            (ForIterTuple, "FOR_ITER_TUPLE", 174, 1, [ARG JUMP], |_| 1, |_| 2, ForIter);
            (JumpBackwardJit, "JUMP_BACKWARD_JIT", 175, 1, [ARG JUMP], |_| 0, |_| 0, JumpBackward);
            (JumpBackwardNoJit, "JUMP_BACKWARD_NO_JIT", 176, 1, [ARG JUMP], |_| 0, |_| 0, JumpBackward);
            (LoadAttrClass, "LOAD_ATTR_CLASS", 177, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrClassWithMetaclassCheck, "LOAD_ATTR_CLASS_WITH_METACLASS_CHECK", 178, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrGetattributeOverridden, "LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN", 179, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrInstanceValue, "LOAD_ATTR_INSTANCE_VALUE", 180, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrMethodLazyDict, "LOAD_ATTR_METHOD_LAZY_DICT", 181, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrMethodNoDict, "LOAD_ATTR_METHOD_NO_DICT", 182, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrMethodWithValues, "LOAD_ATTR_METHOD_WITH_VALUES", 183, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrModule, "LOAD_ATTR_MODULE", 184, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrNondescriptorNoDict, "LOAD_ATTR_NONDESCRIPTOR_NO_DICT", 185, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrNondescriptorWithValues, "LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES", 186, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrProperty, "LOAD_ATTR_PROPERTY", 187, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrSlot, "LOAD_ATTR_SLOT", 188, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadAttrWithHint, "LOAD_ATTR_WITH_HINT", 189, 9, [ARG NAME], |_| 1, |n| 1 + (n & 1), LoadAttr);
            (LoadConstImmortal, "LOAD_CONST_IMMORTAL", 190, 0, [ARG CONST], |_| 0, |_| 1, LoadConst);
            (LoadConstMortal, "LOAD_CONST_MORTAL", 191, 0, [ARG CONST], |_| 0, |_| 1, LoadConst);
            (LoadGlobalBuiltin, "LOAD_GLOBAL_BUILTIN", 192, 4, [ARG NAME], |_| 0, |n| 1 + (n & 1), LoadGlobal);
            (LoadGlobalModule, "LOAD_GLOBAL_MODULE", 193, 4, [ARG NAME], |_| 0, |n| 1 + (n & 1), LoadGlobal);
            (LoadSuperAttrAttr, "LOAD_SUPER_ATTR_ATTR", 194, 1, [ARG NAME], |_| 3, |n| 1 + (n & 1), LoadSuperAttr);
            (LoadSuperAttrMethod, "LOAD_SUPER_ATTR_METHOD", 195, 1, [ARG NAME], |_| 3, |n| 1 + (n & 1), LoadSuperAttr);
            (ResumeCheck, "RESUME_CHECK", 196, 0, [ARG], |_| 0, |_| 0, Resume);
            (SendGen, "SEND_GEN", 197, 1, [ARG JUMP], |_| 2, |_| 2, Send);
            (StoreAttrInstanceValue, "STORE_ATTR_INSTANCE_VALUE", 198, 4, [ARG NAME], |_| 2, |_| 0, StoreAttr);
            (StoreAttrSlot, "STORE_ATTR_SLOT", 199, 4, [ARG NAME], |_| 2, |_| 0, StoreAttr);
            (StoreAttrWithHint, "STORE_ATTR_WITH_HINT", 200, 4, [ARG NAME], |_| 2, |_| 0, StoreAttr);
            (StoreSubscrDict, "STORE_SUBSCR_DICT", 201, 1, [], |_| 3, |_| 0, StoreSubscr);
            (StoreSubscrListInt, "STORE_SUBSCR_LIST_INT", 202, 1, [], |_| 3, |_| 0, StoreSubscr);
            (ToBoolAlwaysTrue, "TO_BOOL_ALWAYS_TRUE", 203, 3, [], |_| 1, |_| 1, ToBool);
            (ToBoolBool, "TO_BOOL_BOOL", 204, 3, [], |_| 1, |_| 1, ToBool);
            (ToBoolInt, "TO_BOOL_INT", 205, 3, [], |_| 1, |_| 1, ToBool);
            (ToBoolList, "TO_BOOL_LIST", 206, 3, [], |_| 1, |_| 1, ToBool);
            (ToBoolNone, "TO_BOOL_NONE", 207, 3, [], |_| 1, |_| 1, ToBool);
            (ToBoolStr, "TO_BOOL_STR", 208, 3, [], |_| 1, |_| 1, ToBool);
            (UnpackSequenceList, "UNPACK_SEQUENCE_LIST", 209, 1, [ARG], |_| 1, |n| n, UnpackSequence);
            (UnpackSequenceTuple, "UNPACK_SEQUENCE_TUPLE", 210, 1, [ARG], |_| 1, |n| n, UnpackSequence);
            (UnpackSequenceTwoTuple, "UNPACK_SEQUENCE_TWO_TUPLE", 211, 1, [ARG], |_| 1, |n| n, UnpackSequence);
            (ResumeCheckJit, "RESUME_CHECK_JIT", 212, 0, [ARG], |_| 0, |_| 0, Resume);
            (EnterFunction, "ENTER_FUNCTION", 213, 0, [ARG], |_| 0, |_| 0, Resume);
            (InstrumentedEndFor, "INSTRUMENTED_END_FOR", 234, 0, [], |_| 1, |_| 0, EndFor);
            (InstrumentedPopIter, "INSTRUMENTED_POP_ITER", 235, 0, [], |_| 1, |_| 0, PopIter);
            (InstrumentedEndSend, "INSTRUMENTED_END_SEND", 236, 0, [], |_| 2, |_| 1, EndSend);
            (InstrumentedForIter, "INSTRUMENTED_FOR_ITER", 237, 1, [ARG JUMP], |_| 1, |_| 2, ForIter);
            (InstrumentedInstruction, "INSTRUMENTED_INSTRUCTION", 238, 0, [], |_| 0, |_| 0, InstrumentedInstruction);
            (InstrumentedJumpForward, "INSTRUMENTED_JUMP_FORWARD", 239, 0, [ARG JUMP], |_| 0, |_| 0, JumpForward);
            (InstrumentedNotTaken, "INSTRUMENTED_NOT_TAKEN", 240, 0, [], |_| 0, |_| 0, NotTaken);
            (InstrumentedPopJumpIfTrue, "INSTRUMENTED_POP_JUMP_IF_TRUE", 241, 1, [ARG JUMP], |_| 1, |_| 0, PopJumpIfTrue);
            (InstrumentedPopJumpIfFalse, "INSTRUMENTED_POP_JUMP_IF_FALSE", 242, 1, [ARG JUMP], |_| 1, |_| 0, PopJumpIfFalse);
            (InstrumentedPopJumpIfNone, "INSTRUMENTED_POP_JUMP_IF_NONE", 243, 1, [ARG JUMP], |_| 1, |_| 0, PopJumpIfNone);
            (InstrumentedPopJumpIfNotNone, "INSTRUMENTED_POP_JUMP_IF_NOT_NONE", 244, 1, [ARG JUMP], |_| 1, |_| 0, PopJumpIfNotNone);
            (InstrumentedResume, "INSTRUMENTED_RESUME", 245, 0, [ARG], |_| 0, |_| 0, Resume);
            (InstrumentedReturnValue, "INSTRUMENTED_RETURN_VALUE", 246, 0, [], |_| 1, |_| 1, ReturnValue);
            (InstrumentedYieldValue, "INSTRUMENTED_YIELD_VALUE", 247, 0, [ARG], |_| 1, |_| 1, YieldValue);
            (InstrumentedEndAsyncFor, "INSTRUMENTED_END_ASYNC_FOR", 248, 0, [ARG JUMP], |_| 2, |_| 0, EndAsyncFor);
            (InstrumentedLoadSuperAttr, "INSTRUMENTED_LOAD_SUPER_ATTR", 249, 1, [ARG NAME], |_| 3, |n| 1 + (n & 1), LoadSuperAttr);
            (InstrumentedCall, "INSTRUMENTED_CALL", 250, 3, [ARG], |n| n + 2, |_| 1, Call);
            (InstrumentedCallKw, "INSTRUMENTED_CALL_KW", 251, 3, [ARG], |n| n + 3, |_| 1, CallKw);
            (InstrumentedCallFunctionEx, "INSTRUMENTED_CALL_FUNCTION_EX", 252, 0, [], |_| 4, |_| 1, CallFunctionEx);
            (InstrumentedJumpBackward, "INSTRUMENTED_JUMP_BACKWARD", 253, 1, [ARG JUMP], |_| 0, |_| 0, JumpBackward);
            (InstrumentedLine, "INSTRUMENTED_LINE", 254, 0, [], |_| 0, |_| 0, InstrumentedLine);
            (EnterExecutor, "ENTER_EXECUTOR", 255, 1, [ARG], |_| 0, |_| 0, EnterExecutor);
            pseudo:
            (AnnotationsPlaceholder, "ANNOTATIONS_PLACEHOLDER", 256, 0, [], |_| 0, |_| 0, AnnotationsPlaceholder);
            (Jump, "JUMP", 257, 0, [ARG JUMP], |_| 0, |_| 0, Jump);
            (JumpIfFalse, "JUMP_IF_FALSE", 258, 0, [ARG JUMP], |_| 1, |_| 1, JumpIfFalse);
            (JumpIfTrue, "JUMP_IF_TRUE", 259, 0, [ARG JUMP], |_| 1, |_| 1, JumpIfTrue);
            (JumpNoInterrupt, "JUMP_NO_INTERRUPT", 260, 0, [ARG JUMP], |_| 0, |_| 0, JumpNoInterrupt);
            (LoadClosure, "LOAD_CLOSURE", 261, 0, [ARG LOCAL], |_| 0, |_| 1, LoadClosure);
            (PopBlock, "POP_BLOCK", 262, 0, [], |_| 0, |_| 0, PopBlock);
            (SetupCleanup, "SETUP_CLEANUP", 263, 0, [ARG EXC], |_| 0, |_| 2, SetupCleanup);
            (SetupFinally, "SETUP_FINALLY", 264, 0, [ARG EXC], |_| 0, |_| 1, SetupFinally);
            (SetupWith, "SETUP_WITH", 265, 0, [ARG EXC], |_| 0, |_| 1, SetupWith);
            (StoreFastMaybeNull, "STORE_FAST_MAYBE_NULL", 266, 0, [ARG LOCAL], |_| 1, |_| 0, StoreFastMaybeNull);
        }
    };
}

/// Flag bits of the table's bracketed column.
mod flag {
    pub const ARG: u8 = 1;
    pub const CONST: u8 = 2;
    pub const NAME: u8 = 4;
    pub const JUMP: u8 = 8;
    pub const LOCAL: u8 = 16;
    pub const FREE: u8 = 32;
    pub const EXC: u8 = 64;
}

#[derive(Clone, Copy)]
struct Info {
    name: &'static str,
    caches: u8,
    flags: u8,
    popped: fn(i32) -> i32,
    pushed: fn(i32) -> i32,
    base: u16,
}

const NO_INFO: Info = Info { name: "", caches: 0, flags: 0, popped: |_| 0, pushed: |_| 0, base: 0 };

macro_rules! declare_opcodes {
    ($(($variant:ident, $name:literal, $number:literal, $caches:literal, [$($flag:ident)*],
        $popped:expr, $pushed:expr, $base:ident);)*
     pseudo:
     $(($p_variant:ident, $p_name:literal, $p_number:literal, $p_caches:literal, [$($p_flag:ident)*],
        $p_popped:expr, $p_pushed:expr, $p_base:ident);)*) => {
        /// An opcode that can occur in a code object.
        #[repr(u8)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Opcode { $($variant = $number,)* }

        /// Any opcode, pseudo ones included: what the compiler's intermediate forms hold.
        #[repr(u16)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum AnyOpcode { $($variant = $number,)* $($p_variant = $p_number,)* }

        const REAL: [Option<Opcode>; 256] = {
            let mut table = [None; 256];
            $(table[$number] = Some(Opcode::$variant);)*
            table
        };

        const INFO: [Info; 267] = {
            let mut table = [NO_INFO; 267];
            $(table[$number] = Info {
                name: $name,
                caches: $caches,
                flags: 0 $(| flag::$flag)*,
                popped: $popped,
                pushed: $pushed,
                base: AnyOpcode::$base as u16,
            };)*
            $(table[$p_number] = Info {
                name: $p_name,
                caches: $p_caches,
                flags: 0 $(| flag::$p_flag)*,
                popped: $p_popped,
                pushed: $p_pushed,
                base: AnyOpcode::$p_base as u16,
            };)*
            table
        };

        impl Opcode {
            /// All opcodes in the order of their numbers.
            pub const ALL: &'static [Opcode] = &[$(Opcode::$variant,)*];
        }

        impl AnyOpcode {
            /// All opcodes in the order of their numbers.
            pub const ALL: &'static [AnyOpcode] =
                &[$(AnyOpcode::$variant,)* $(AnyOpcode::$p_variant,)*];
        }

        impl From<Opcode> for AnyOpcode {
            fn from(opcode: Opcode) -> AnyOpcode {
                match opcode { $(Opcode::$variant => AnyOpcode::$variant,)* }
            }
        }
    };
}
for_each_opcode!(declare_opcodes);

static INFO_TABLE: [Info; 267] = INFO;

impl Opcode {
    /// The opcode with this number, if there is one.
    pub const fn from_u8(number: u8) -> Option<Opcode> {
        REAL[number as usize]
    }

    /// Looks an opcode up by its name in `dis`, as in `"LOAD_FAST"`.
    pub fn from_name(name: &str) -> Option<Opcode> {
        Opcode::ALL.iter().copied().find(|op| op.name() == name)
    }

    /// The opcode that a specialized or instrumented one stands for; others stand for themselves.
    pub fn deopt(self) -> Opcode {
        let base = INFO_TABLE[self as usize].base;
        REAL[base as usize & 0xff].unwrap_or(self)
    }

    /// Whether only the JIT writes this opcode.
    pub fn is_of_jit(self) -> bool {
        matches!(self, Opcode::JumpBackwardJit | Opcode::EnterExecutor | Opcode::ResumeCheckJit | Opcode::EnterFunction)
    }

    /// Whether this is an adaptive specialization of another opcode.
    pub fn is_specialized(self) -> bool {
        self.deopt() != self && !self.is_instrumented()
    }

    /// Whether this is one of the `INSTRUMENTED_` opcodes.
    pub const fn is_instrumented(self) -> bool {
        let number = self as u8;
        number >= MIN_INSTRUMENTED_OPCODE && number < Opcode::EnterExecutor as u8
    }
}

/// Opcodes from this number on take an argument, except specialized and instrumented ones.
pub const HAVE_ARGUMENT: u8 = 43;
/// The first opcode of the instrumented range.
pub const MIN_INSTRUMENTED_OPCODE: u8 = 234;

macro_rules! shared_queries {
    ($type:ident) => {
        impl $type {
            fn info(self) -> &'static Info {
                &INFO_TABLE[self as usize]
            }

            /// The name as `dis` shows it.
            pub fn name(self) -> &'static str {
                self.info().name
            }

            /// How many cache words follow the instruction.
            pub fn cache_entries(self) -> usize {
                usize::from(self.info().caches)
            }

            /// How many stack items the instruction takes.
            pub fn popped(self, oparg: i32) -> i32 {
                (self.info().popped)(oparg)
            }

            /// How many stack items the instruction leaves in place of those it took.
            pub fn pushed(self, oparg: i32) -> i32 {
                (self.info().pushed)(oparg)
            }

            /// The net stack effect.  `jump` asks for the jump path (`Some(true)`), the
            /// fall-through path (`Some(false)`) or the larger of the two (`None`).
            pub fn stack_effect(self, oparg: i32, jump: Option<bool>) -> i32 {
                if self.is_exception_setup() && jump == Some(false) {
                    return 0;
                }
                self.pushed(oparg) - self.popped(oparg)
            }

            /// Whether the instruction uses its argument.
            pub fn has_arg(self) -> bool {
                self.info().flags & flag::ARG != 0
            }

            /// Whether the argument indexes `co_consts`.
            pub fn has_const(self) -> bool {
                self.info().flags & flag::CONST != 0
            }

            /// Whether the argument indexes `co_names` (some opcodes shift it).
            pub fn has_name(self) -> bool {
                self.info().flags & flag::NAME != 0
            }

            /// Whether the argument is a jump offset.
            pub fn has_jump(self) -> bool {
                self.info().flags & flag::JUMP != 0
            }

            /// Whether the argument indexes (or packs two indices into) the fast locals.
            pub fn has_local(self) -> bool {
                self.info().flags & flag::LOCAL != 0
            }

            /// Whether the argument indexes a cell or free variable.
            pub fn has_free(self) -> bool {
                self.info().flags & flag::FREE != 0
            }

            /// Whether this is a pseudo instruction that opens an exception handler.
            pub fn is_exception_setup(self) -> bool {
                self.info().flags & flag::EXC != 0
            }
        }
    };
}
shared_queries!(Opcode);
shared_queries!(AnyOpcode);

impl AnyOpcode {
    /// The real opcode; `None` for a pseudo opcode.
    pub const fn real(self) -> Option<Opcode> {
        let number = self as u16;
        if number < 256 { REAL[number as usize] } else { None }
    }

    /// The opcode with this number, if there is one.
    pub fn from_u16(number: u16) -> Option<AnyOpcode> {
        AnyOpcode::ALL.iter().copied().find(|op| *op as u16 == number)
    }

    /// Looks an opcode up by its name.
    pub fn from_name(name: &str) -> Option<AnyOpcode> {
        AnyOpcode::ALL.iter().copied().find(|op| op.name() == name)
    }

    /// Whether the compiler must replace this opcode before assembly.
    pub const fn is_pseudo(self) -> bool {
        self as u16 >= 256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for &op in Opcode::ALL {
            assert_eq!(Opcode::from_u8(op as u8), Some(op));
            assert_eq!(Opcode::from_name(op.name()), Some(op));
            assert_eq!(op.deopt().cache_entries(), op.cache_entries());
        }
        assert_eq!(Opcode::from_u8(3).map(Opcode::name), Some("BINARY_OP_INPLACE_ADD_UNICODE"));
    }

    #[test]
    fn families() {
        assert_eq!(Opcode::LoadAttrSlot.deopt(), Opcode::LoadAttr);
        assert_eq!(Opcode::InstrumentedCall.deopt(), Opcode::Call);
        assert!(Opcode::CallLen.is_specialized());
        assert_eq!(Opcode::LoadAttr.cache_entries(), 9);
    }

    #[test]
    fn effects() {
        assert_eq!(Opcode::Call.stack_effect(2, None), -3);
        assert_eq!(Opcode::LoadGlobal.stack_effect(1, None), 2);
        assert_eq!(AnyOpcode::SetupCleanup.stack_effect(0, Some(false)), 0);
        assert_eq!(AnyOpcode::SetupCleanup.stack_effect(0, Some(true)), 2);
    }
}
