//! What the compiler says to those who hold it wrong. The messages are part of the interface:
//! where one changes, look whether it got better, and run with `TRYBUILD=overwrite`.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/fail/*.rs");
}
