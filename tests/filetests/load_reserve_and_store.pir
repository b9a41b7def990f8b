; ldarx, addi, stdcx.: the store happens, and the reservation is gone behind it.
; run gpr[3]=0x1000 mem[0x1000]=2900000000000000 -> mem[0x1000]=2a00000000000000 crf[0]=2 reserve_ea=-1
; run gpr[3]=0x1001 -> interrupt=ALIGNMENT
+0:
  %0:i64 = get[gpr] 3
  %1:i64 = load_reserve[64] %0
  set[gpr] 4, %1
+4:
  %2:i64 = get[gpr] 4
  %3:i64 = add %2, 1
  set[gpr] 4, %3
+8:
  %4:i64 = get[gpr] 3
  %5:i64 = get[gpr] 4
  %6:i1 = store_conditional[64] %4, %5, 8
  %7:i8 = select %6, 2:i8, 0:i8
  set[crf] 0, %7

; after forward_state drop_dead_sets
+0:
  %0:i64 = get[gpr] 3
  %1:i64 = load_reserve[64] %0
+4:
  %2:i64 = add %1, 1
  set[gpr] 4, %2
+8:
  %3:i1 = store_conditional[64] %0, %2, 8
  %4:i8 = select %3, 2:i8, 0:i8
  set[crf] 0, %4
