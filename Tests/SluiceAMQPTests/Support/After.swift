/// Lets a mutating call stand in an expectation.
func after<Value, Result>(_ value: inout Value, _ change: (inout Value) -> Result) -> Result {
    change(&value)
}
