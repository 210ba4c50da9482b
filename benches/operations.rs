//! Single operations of the language on the interpreter: the table of `operations.py`.

use std::time::{Duration, Instant};

use criterion::Criterion;
use pyrs_runtime::call;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::protocols::{attr, text};

use crate::embed::{self, must};

pub fn benches(c: &mut Criterion) {
    let table = embed::module("operations");
    let unrolled = int::to_i64(&must(attr::getattr_text(&table, "UNROLLED"))).expect("an int") as u64;
    let operations = must(attr::getattr_text(&table, "OPERATIONS"));
    let operations = operations.downcast::<List>().expect("a list").to_vec();
    for operation in operations {
        let field = |name| must(attr::getattr_text(&operation, name).and_then(|f| text::str_text(&f)));
        let mut group = c.benchmark_group(field("group"));
        group.bench_function(field("name"), |b| {
            let run = must(call::call_method(&operation, "function", &[]));
            b.iter_custom(|executions| time(&run, executions, unrolled));
        });
        group.finish();
    }
}

/// How long that many executions of the statement take, when the loop's body holds several of them.
fn time(run: &Obj, executions: u64, unrolled: u64) -> Duration {
    let loops = executions.div_ceil(unrolled);
    let start = Instant::now();
    must(call::call(run, &[int::new(loops as i64)]));
    start.elapsed().mul_f64(executions as f64 / (loops * unrolled) as f64)
}
