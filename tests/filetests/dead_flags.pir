; Two instructions set CR0 and CA; nothing between them can leave, so the first settings go away with all
; that only they needed. The load at the end can leave, but comes behind.
; run gpr[4]=5 mem[0x100]=2a -> crf[0]=4 gpr[3]=6 ca=0 gpr[5]=42
; run gpr[4]=-1 -> crf[0]=2 gpr[3]=0 ca=1
; run gpr[4]=3 gpr[6]=0xf0000000 -> crf[0]=4 gpr[3]=4 gpr[5]=0 storage
+0:
  %0:i64 = get[gpr] 4
  %1:i1 = slt %0, 0
  %2:i8 = select %1, 8:i8, 4:i8
  set[crf] 0, %2
  set[ca] 1:i8
+4:
  %3:i64 = get[gpr] 4
  %4:i64 = add %3, 1
  %5:i1 = ult %4, %3
  %6:i8 = zext[8] %5
  set[ca] %6
  set[gpr] 3, %4
  %7:i1 = eq %4, 0
  %8:i8 = select %7, 2:i8, 4:i8
  set[crf] 0, %8
+8:
  %9:i64 = get[gpr] 6
  %10:i64 = add %9, 0x100
  %11:i8 = load[8] %10
  %12:i64 = zext[64] %11
  set[gpr] 5, %12

; after run_passes
+0:
  %0:i64 = get[gpr] 4
+4:
  %1:i64 = add %0, 1
  %2:i1 = ult %1, %0
  %3:i8 = zext[8] %2
  set[ca] %3
  set[gpr] 3, %1
  %4:i1 = eq %1, 0
  %5:i8 = select %4, 2:i8, 4:i8
  set[crf] 0, %5
+8:
  %6:i64 = get[gpr] 6
  %7:i64 = add %6, 0x100
  %8:i8 = load[8] %7
  %9:i64 = zext[64] %8
  set[gpr] 5, %9
