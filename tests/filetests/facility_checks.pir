; Two floating-point moves: MSR[FP] is looked at once.
; run msr=0x2000 fpr[1]=7 -> fpr[2]=7 fpr[3]=7 next
; run msr=0 fpr[1]=7 -> fpr[2]=0 interrupt=FP_UNAVAILABLE
+0:
  %0:i64 = get[msr]
  %1:i64 = and %0, 0x2000
  %2:i1 = eq %1, 0
  interrupt_if[FP_UNAVAILABLE] %2, 0
  %3:i64 = get[fpr] 1
  set[fpr] 2, %3
+4:
  %4:i64 = get[msr]
  %5:i64 = and %4, 0x2000
  %6:i1 = eq %5, 0
  interrupt_if[FP_UNAVAILABLE] %6, 0
  %7:i64 = get[fpr] 2
  set[fpr] 3, %7

; after run_passes
+0:
  %0:i64 = get[msr]
  %1:i64 = and %0, 0x2000
  %2:i1 = eq %1, 0
  interrupt_if[FP_UNAVAILABLE] %2, 0
  %3:i64 = get[fpr] 1
  set[fpr] 2, %3
+4:
  set[fpr] 3, %3
