#include "recognize/face_message.h"

#include <ocelli/v1/analysis.pb.h>

namespace ocelli {

void WriteFace(const Face& face, const FaceParts& parts, v1::Face& to) {
  v1::Box& box = *to.mutable_box();
  box.set_x(face.box.x);
  box.set_y(face.box.y);
  box.set_width(face.box.width);
  box.set_height(face.box.height);
  to.set_score(face.score);
  for (const PointF& point : face.keypoints) {
    v1::Point& added = *to.add_keypoints();
    added.set_x(point.x);
    added.set_y(point.y);
  }
  if (parts.mesh) {
    to.mutable_mesh()->Reserve(static_cast<int>(face.mesh.size()));
    for (const Point3F& point : face.mesh) {
      v1::Point3& added = *to.add_mesh();
      added.set_x(point.x);
      added.set_y(point.y);
      added.set_z(point.z);
    }
  }
  if (parts.descriptor) {
    to.mutable_face_descriptor()->Assign(face.descriptor.begin(),
                                         face.descriptor.end());
  }
  v1::Quality& quality = *to.mutable_quality();
  quality.set_size(face.quality.size);
  quality.set_sharpness(face.quality.sharpness);
  quality.set_frontality(face.quality.frontality);
  quality.set_overall(face.quality.overall);
}

}  // namespace ocelli
