//! `PickleBuffer`: memory that may be passed beside the pickle instead of inside it.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::memoryview::MemoryView;
use pyrs_runtime::protocols::buffer::{Buffer, Layout, flags};
use pyrs_runtime::raise;
use pyrs_runtime::types::Type;

/// Wrapper for potentially out-of-band buffers
#[pyclass(name = "PickleBuffer", module = "pickle", weaklist, flags = BASETYPE)]
pub struct PickleBuffer {
    /// A memoryview of the object; empty once released.
    view: ObjCell,
}

impl PickleBuffer {
    /// The memoryview.
    pub fn view(&self) -> PyResult<Obj> {
        self.view.get().ok_or_else(|| raise!(ValueError, "operation forbidden on released PickleBuffer object"))
    }

    /// An export of the memory, of any layout.
    pub fn export(&self) -> PyResult<Buffer> {
        Buffer::get(&self.view()?, flags::FULL_RO)
    }
}

/// The items in the order of memory of a contiguous buffer; `None` if it is not contiguous.
pub fn contiguous_bytes(buffer: &Buffer) -> Option<Vec<u8>> {
    if buffer.layout.is_c_contiguous() {
        Some(buffer.to_vec())
    } else if buffer.layout.is_f_contiguous() {
        Some(buffer.layout.to_vec_fortran())
    } else {
        None
    }
}

#[pymethods]
impl PickleBuffer {
    #[new(sig = "(object, /)", text_signature = "")]
    fn construct(cls: &Type, object: &Obj) -> PyResult<Obj> {
        let view = MemoryView::from_buffer(Buffer::get(object, flags::FULL_RO)?);
        Ok(Ptr::new_in(cls, PickleBuffer { view: ObjCell::of(view) }).into_obj())
    }

    #[slot(buffer)]
    fn buffer(this: &Obj, flags: u32) -> PyResult<Buffer> {
        let Some(buffer) = this.downcast::<PickleBuffer>() else {
            return Err(raise!(TypeError, "a PickleBuffer is required"));
        };
        // The export is the object's own: the consumer talks to it directly.
        let view = buffer.view()?;
        match view.downcast::<MemoryView>().and_then(|v| v.object()) {
            Some(object) => Buffer::get(&object, flags),
            None => Buffer::get(&buffer.view()?, flags),
        }
    }

    /// Return a memoryview of the raw memory underlying this buffer.
    /// Will raise BufferError is the buffer isn't contiguous.
    #[pymethod]
    fn raw(this: &Object<PickleBuffer>) -> PyResult<Obj> {
        let export = this.export()?;
        if !export.layout.is_c_contiguous() && !export.layout.is_f_contiguous() {
            return Err(raise!(BufferError, "cannot extract raw buffer from non-contiguous buffer"));
        }
        let mut export = export;
        export.layout = Layout::bytes(export.layout.ptr, export.layout.len, export.layout.readonly);
        Ok(MemoryView::from_buffer(export))
    }

    /// Release the underlying buffer exposed by the PickleBuffer object.
    #[pymethod]
    fn release(&self) {
        drop(self.view.take());
    }
}
