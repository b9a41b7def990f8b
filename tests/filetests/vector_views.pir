; FPRs, VRs and halves are views of the VSRs: what is written under one name is read under the others.
; run fpr[1]=5 vsr_low[1]=6 -> vsr_high[33]=5 vr[1]=0x50000000000000006 fpr[2]=5 gpr[3]=6 next
+0:
  %0:i128 = get[vsr] 1
  set[vr] 1, %0
+4:
  %1:i64 = get[fpr] 1
  set[fpr] 2, %1
+8:
  %2:i64 = get[vsr_low] 33
  set[gpr] 3, %2

; after forward_state
+0:
  %0:i128 = get[vsr] 1
  set[vr] 1, %0
+4:
  %1:i64 = hi %0
  set[fpr] 2, %1
+8:
  %2:i64 = lo %0
  set[gpr] 3, %2
