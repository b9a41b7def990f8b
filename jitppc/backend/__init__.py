"""From IR to native code: lowering to LLVM, compiled objects, tier-0 handlers, regions."""
