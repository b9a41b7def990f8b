; cmpd cr0,r3,r4 and blt: the branch is on the comparison itself, and CR0 is still written.
; run gpr[3]=-1 gpr[4]=1 -> crf[0]=8 jump=0x10104
; run gpr[3]=1 gpr[4]=1 so=1 -> crf[0]=3 next
; run gpr[3]=2 gpr[4]=1 -> crf[0]=4 next
+0:
  %0:i64 = get[gpr] 3
  %1:i64 = get[gpr] 4
  %2:i1 = slt %0, %1
  %3:i1 = slt %1, %0
  %4:i8 = select %3, 4:i8, 2:i8
  %5:i8 = select %2, 8:i8, %4
  %6:i8 = get[so]
  %7:i8 = or %5, %6
  set[crf] 0, %7
+4:
  %8:i8 = get[crf] 0
  %9:i8 = and %8, 8:i8
  %10:i1 = ne %9, 0:i8
  jump_rel_if %10, 0x100

; after run_passes
+0:
  %0:i64 = get[gpr] 3
  %1:i64 = get[gpr] 4
  %2:i1 = slt %0, %1
  %3:i1 = slt %1, %0
  %4:i8 = select %3, 4:i8, 2:i8
  %5:i8 = select %2, 8:i8, %4
  %6:i8 = get[so]
  %7:i8 = or %5, %6
  set[crf] 0, %7
+4:
  jump_rel_if %2, 0x100
