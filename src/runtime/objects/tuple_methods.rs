use crate::object::*;
pub struct TupleHash; impl TupleHash { pub fn new()->Self{TupleHash} pub fn push(&mut self,_h:i64){} pub fn add(&mut self,_h:i64){} pub fn finish(&self,_n:usize)->i64{0} pub fn finish_without_length(&self)->i64{0} }
